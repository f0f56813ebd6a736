"""Results of a run with everything that is needed to read them: axes, units, parameters, system, versions."""

from __future__ import annotations

import copy
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray
from wannierberri.result import ResultDict

from ..calculators.base import SCAN_AXES
from ..interpolation import particles_of
from ..units import periodic_measure
from .citations import ENTRIES, describe_sources
from .groups import LEVELS, PART, PARTS, cartesian_axes, describe_axes
from .noise import describe_scatter
from .representation import as_html, as_text
from .tabulated import is_tabulated, tabulated

_ALONG_SCAN = {"kelvin": ("temperature", "K"), "mu": ("Fermi level that holds the electrons", "eV")}
"""Meaning and unit of the further coordinates of a statistics."""
_PACKAGES = ("wb_conserved", "wannierberri", "numpy", "scipy")


class RunResult(ResultDict):
    """Result objects of a run by name, and what was run.

    Attributes
    ----------
    results : dict of str to wannierberri.result.Result
    calculators : dict of str to wannierberri.calculators.Calculator
    mesh : three ints, or None on a path
    number_of_k_points : int
        Evaluated, after reduction by symmetry.
    busy_seconds : float array (rank,)
        Time that each rank spent on k points.
    seconds : float
        Wall time.
    refinement : Refinement or None
        Changes and error estimate of adaptive refinement.
    scatters : dict of str to wb_conserved.calculators.scatter.Scatter
        How the contributions of k points scatter, of sums over all states below a level.
    """

    def __init__(
        self, results, *, calculators, system, mesh, number_of_k_points, busy_seconds, seconds, refinement=None, scatters=(),
        path=None,
    ):
        super().__init__(results)
        self.calculators = calculators
        self.mesh = mesh
        self.number_of_k_points = number_of_k_points
        self.busy_seconds = np.asarray(busy_seconds, dtype=float)
        self.refinement = refinement
        self.scatters = dict(scatters)
        self._path = path
        self.seconds = seconds
        self._system = {
            "num_wann": int(system.num_wann),
            "periodic_directions": periodic_measure(system)[0],
            "real_lattice_angstrom": np.asarray(system.real_lattice, dtype=float),
            "symmetry_operations": int(system.pointgroup.size),
            "sums_over_bands": tuple(getattr(system, "sums_over_bands", ())),
        }
        self._about_particles = _about(particles_of(system))

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def select(self, names: Iterable[str]) -> RunResult:
        """The same with some of the results only.

        Parameters
        ----------
        names : iterable of str
        """
        names, part = list(names), copy.copy(self)
        part.results = {name: self.results[name] for name in names}
        part.calculators = {name: self.calculators[name] for name in names}
        return part

    def to_dataset(self, **attributes: Any) -> xarray.Dataset:
        """Labelled data set of all results over Fermi levels.

        Parameters
        ----------
        **attributes
            Further global attributes (strings, numbers or bool).

        Returns
        -------
        xarray.Dataset
            One variable per calculator of this package, with the axes of its scan (Efermi, kBT) and of its tensor (between
            them omega and, as part, real and imaginary part of what is complex), its unit, symbol, meaning of the axes and
            parameters as attributes; after adaptive refinement NAME_error beside NAME, the estimated error; one per
            tabulator with the axes k, band and components, see `wb_conserved.results.tabulated`; mesh, lattice, versions and
            time as global attributes.
            Results of other calculators, which state neither axes nor units, are left out and named in the attribute
            ``not_included``.
        """
        variables, left_out = {}, []
        tables = {name: result for name, result in self.results.items() if is_tabulated(result)}
        for name, result in self.results.items():
            if name in tables:
                continue
            calculator = self.calculators[name]
            if not hasattr(calculator, "cartesian_axes") or not hasattr(result, "dataSmooth"):
                left_out.append(name)
                continue
            # every calculator may have a scan of its own
            scan_name = {axis: axis if self._one(axis) else f"{axis}_{name}" for axis in calculator.scan_axes}
            variables[name] = xarray.DataArray(
                _real(result.dataSmooth, len(scan_name)),
                dims=(*scan_name.values(), *_parts(result), *calculator.cartesian_axes),
                coords=_coordinates(calculator, scan_name) | _parts(result),
                attrs={
                    "long_name": calculator.long_name,
                    "symbol": calculator.symbol,
                    "units": calculator.unit(self._system["periodic_directions"]),
                    "axes": describe_axes(calculator.cartesian_axes),
                    "shown": calculator.shown[: len(calculator.cartesian_axes)],
                    "remark": calculator.remark,
                    **_of_family(calculator),
                    "companion": calculator.companion,
                    "counted": calculator.counted,
                    **describe_sources(calculator),
                    **calculator.parameters(),
                    **(describe_scatter(self.scatters[name]) if name in self.scatters else {}),
                },
            )
            if self.refinement is not None:
                own = variables[name].attrs
                variables[f"{name}_error"] = variables[name].copy(data=self.refinement.error[name])
                variables[f"{name}_error"].attrs = own | {
                    "symbol": f"± {own['symbol']}",
                    "long_name": f"{own['long_name']}, estimated error of the refined mesh",
                    "error_of": name,
                }
        rows = tabulated(tables, self.calculators, self._path, variables)
        quantities = [*variables, *map(str, rows.data_vars)]
        dataset = xarray.Dataset(variables).merge(rows)
        _describe_axes(dataset)
        for variable in dataset.variables.values():
            variable.attrs = _proper(variable.attrs)
        dataset.attrs = {
            "title": "conserved spin transport from Wannier functions",
            "source": f"wb_conserved {version('wb_conserved')}, WannierBerri {version('wannierberri')}",
            "references": ENTRIES["wannierberri"].text,
            "quantities": " ".join(str(name) for name in quantities if "error_of" not in dataset[name].attrs),
            "mesh": list(self.mesh) if self.mesh is not None else "path",
            "evaluated_k_points": self.number_of_k_points,
            "num_wann": self._system["num_wann"],
            "symmetry_operations": self._system["symmetry_operations"],
            "real_lattice_angstrom": self._system["real_lattice_angstrom"].ravel(),
            "ranks": len(self.busy_seconds),
            "wall_time_s": self.seconds,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            **self._about_particles,
            **{f"version_{package}": version(package) for package in _PACKAGES},
            **self._findings(),
            **_proper(attributes),
        }
        if self._system["sums_over_bands"]:
            dataset.attrs["truncated_sums_over_bands_in_place_of"] = " ".join(self._system["sums_over_bands"])
        if left_out:
            dataset.attrs["not_included"] = ", ".join(left_out)
        return _with_distance(dataset)

    def doubts(self) -> list[str]:
        """What calculators have to say of their results, one line each."""
        return list(dict.fromkeys(line for part in self.calculators.values() for line in getattr(part, "doubts", list)()))

    def _findings(self):
        """What calculators know besides their results."""
        found: dict[str, Any] = {}
        for calculator in self.calculators.values():
            found |= calculator.findings() if hasattr(calculator, "findings") else {}
        return found

    def _one(self, axis):
        """Whether an axis is the same for all calculators: of the statistics with all others of them, or a further one that
        has the same values wherever it is."""
        every = [part.further_axes for part in self.calculators.values() if hasattr(part, "further_axes")]
        values = [further[axis] for further in every if axis in further]
        return all(np.array_equal(other, values[0]) for other in values) if values else self._one_scan()

    def _one_scan(self):
        """Whether all calculators have the same axes of levels and temperatures, and the same values along them."""
        scans = []
        for part in self.calculators.values():
            if hasattr(part, "statistics"):
                along = {name: values for name, (_, values) in part.statistics.coordinates.items()}
                scans.append(dict(part.statistics.scan) | along)
        return all(
            list(scan) == list(scans[0]) and all(np.array_equal(scan[axis], scans[0][axis]) for axis in scan)
            for scan in scans
        )


def to_dataset(result: RunResult, **attributes: Any) -> xarray.Dataset:
    """Labelled data set of a run, see `RunResult.to_dataset`.

    Examples
    --------
    >>> from wb_conserved import models, run, to_dataset
    >>> from wb_conserved.calculators import SUMS
    >>> result = run(models.rashba_lattice(), [8, 8, 1], {"kubo": SUMS["kubo"].calculator([0.1, 0.2], kBT=0.1)})
    >>> data = to_dataset(result, comment="a test")
    >>> data["kubo"].dims, data["kubo"].units, data.comment
    (('Efermi', 'i', 'l', 's'), '(ħ/|e|) S', 'a test')
    """
    return result.to_dataset(**attributes)


def _about(particles):
    """What a reader should know of particles that are not electrons."""
    if not particles.assumptions:
        return {}
    counting = f"{particles.name}, each band counted {particles.counting:g}"
    return {"particles": counting, "assumptions": particles.assumptions}


def _with_distance(dataset):
    """With the coordinate ``e_minus_ef``, the distance of each level from the Fermi level, where that is known."""
    level = dataset.attrs.get("fermi_level_eV")
    if level is None or LEVELS not in dataset.dims:
        return dataset
    described = {"units": "eV", "long_name": "energy relative to the Fermi level"}
    return dataset.assign_coords(e_minus_ef=(LEVELS, (dataset[LEVELS].values - float(level)).round(12), described))


def _parts(result):
    """The axis of real and imaginary part, and its coordinates, where the result is complex."""
    return {PART: (PART, list(PARTS))} if np.iscomplexobj(result.dataSmooth) else {}


def _real(data, axis):
    """Real numbers: complex ones as their parts, on an axis of their own at a place."""
    return np.stack([data.real, data.imag], axis=axis) if np.iscomplexobj(data) else data


def _coordinates(calculator, scan_name):
    """Coordinates of a result: Cartesian axes, the scan, and what belongs to it."""
    found = {axis: list("xyz") for axis in calculator.cartesian_axes}
    for axis, values in calculator.scan_axes.items():
        long_name, unit = SCAN_AXES[axis]
        found[scan_name[axis]] = (scan_name[axis], values, {"units": unit, "long_name": long_name})
    for name, (axis, values) in calculator.statistics.coordinates.items():
        long_name, unit = _ALONG_SCAN[name]
        own = name if scan_name[axis] == axis else f"{name}{scan_name[axis].removeprefix(axis)}"
        found[own] = (scan_name[axis], values, {"units": unit, "long_name": long_name})
    return found


def _of_family(calculator):
    """What a quantity is a part of, what it is the sum of, and whether it is not for pictures, where it is."""
    family, names = calculator.family, getattr(calculator, "sum_of", ())
    found = ({"family": family} if family else {}) | ({"sum_of": " ".join(names)} if names else {})
    return found if calculator.pictured else found | {"pictured": 0}


def _proper(attributes):
    """Attributes as a file has them: 0 and 1 in place of False and True."""
    return {name: int(value) if isinstance(value, bool | np.bool_) else value for name, value in attributes.items()}


def _describe_axes(dataset):
    """Say at each Cartesian coordinate what it means, for all variables that have it."""
    meanings: dict[str, list[str]] = {}
    for variable in dataset.data_vars.values():
        for axis, meaning in cartesian_axes(variable).items():
            meanings.setdefault(axis, []).append(meaning)
    for axis, texts in meanings.items():
        dataset[axis].attrs["long_name"] = " / ".join(dict.fromkeys(texts))
