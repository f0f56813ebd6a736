"""Results of a run with everything that is needed to read them: axes, units, parameters, system, versions."""

from __future__ import annotations

import copy
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray
from wannierberri.result import EnergyResult, ResultDict

from ..units import periodic_measure

_CARTESIAN = ["x", "y", "z"]
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
    """

    def __init__(
        self, results, *, calculators, system, mesh, number_of_k_points, busy_seconds, seconds, refinement=None
    ):
        super().__init__(results)
        self.calculators = calculators
        self.mesh = mesh
        self.number_of_k_points = number_of_k_points
        self.busy_seconds = np.asarray(busy_seconds, dtype=float)
        self.refinement = refinement
        self.seconds = seconds
        self._system = {
            "num_wann": int(system.num_wann),
            "periodic_directions": periodic_measure(system)[0],
            "real_lattice_angstrom": np.asarray(system.real_lattice, dtype=float),
            "symmetry_operations": int(system.pointgroup.size),
        }

    def select(self, names) -> RunResult:
        """The same with some of the results only.

        Parameters
        ----------
        names : iterable of str
        """
        part = copy.copy(self)
        part.results = {name: self.results[name] for name in names}
        part.calculators = {name: self.calculators[name] for name in names}
        return part

    def to_dataset(self, **attributes: Any) -> xarray.Dataset:
        """Labelled data set of all results over Fermi levels.

        Parameters
        ----------
        **attributes
            Further global attributes (strings or numbers).

        Returns
        -------
        xarray.Dataset
            One variable per calculator of this package, with axes Efermi (eV), i, l and s as far as it has them, its
            unit, equation symbol and parameters as attributes; after adaptive refinement NAME_error beside NAME, the
            estimated error; mesh, lattice, versions and time as global attributes.
            Results of other calculators, which state neither axes nor units, are left out and named in the attribute
            ``not_included``.
        """
        variables, left_out = {}, []
        for name, result in self.results.items():
            calculator = self.calculators[name]
            if not isinstance(result, EnergyResult) or not hasattr(calculator, "dims"):
                left_out.append(name)
                continue
            coordinates = {dim: _CARTESIAN for dim in calculator.dims[1:]}
            # every calculator may have a scan of its own
            scan = "Efermi" if self._one_scan() else f"Efermi_{name}"
            coordinates[scan] = (scan, calculator.Efermi, {"units": "eV", "long_name": "Fermi level"})
            variables[name] = xarray.DataArray(
                result.dataSmooth,
                dims=(scan, *calculator.dims[1:]),
                coords=coordinates,
                attrs={
                    "long_name": calculator.long_name,
                    "symbol": calculator.symbol,
                    "units": calculator.unit(self._system["periodic_directions"]),
                    **calculator.parameters(),
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
        dataset = xarray.Dataset(variables)
        _describe_axes(dataset)
        dataset.attrs = {
            "title": "conserved spin transport from Wannier functions",
            "mesh": list(self.mesh) if self.mesh is not None else "path",
            "evaluated_k_points": self.number_of_k_points,
            "num_wann": self._system["num_wann"],
            "symmetry_operations": self._system["symmetry_operations"],
            "real_lattice_angstrom": self._system["real_lattice_angstrom"].ravel(),
            "ranks": len(self.busy_seconds),
            "wall_time_s": self.seconds,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            **{f"version_{package}": version(package) for package in _PACKAGES},
            **attributes,
        }
        if left_out:
            dataset.attrs["not_included"] = ", ".join(left_out)
        return dataset

    def _one_scan(self):
        scans = [calculator.Efermi for calculator in self.calculators.values() if hasattr(calculator, "dims")]
        return all(np.array_equal(scan, scans[0]) for scan in scans)


def to_dataset(result: RunResult, **attributes: Any) -> xarray.Dataset:
    """Labelled data set of a run, see `RunResult.to_dataset`."""
    return result.to_dataset(**attributes)


def _describe_axes(dataset):
    names = {"i": "direction of flow", "l": "direction of the field", "s": "component of the observable"}
    for axis, long_name in names.items():
        if axis in dataset.coords:
            dataset[axis].attrs["long_name"] = long_name
