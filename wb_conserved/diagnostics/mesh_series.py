"""A series of k meshes, or of widths of energy shells: every result extrapolated, with an error bar per component."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from wannierberri.result import EnergyResult

from ..driver.grid import regular_grid
from ..driver.run import run
from ..errors import InputError
from ..results.dataset import RunResult
from ..results.groups import LEVELS, MU, at_level, check_components, groups, of_conditions, quantities, select
from ..results.table import conditions, heading
from ..results.tabulated import is_tabulated
from .extrapolation import extrapolate

if TYPE_CHECKING:
    from ..annotations import AnySystem, Communicator, Mesh

_SUFFIXES = {
    "extrapolated": "extrapolated",
    "error": "error bar of the extrapolated value",
    "follows_law": "whether it is extrapolated by the law 1/N² (width²); where not, it is the value of the finest mesh (width)",
}


@dataclass(frozen=True)
class _Kind:
    """What a series is along.

    Attributes
    ----------
    axis : str
        Name of the axis in data sets.
    heading, limit, finest, law : str
        In the table: over the steps, of the extrapolated value, of the last step, of the law.
    text : callable
        For a step.
    attributes : mapping of str to str
        Of the axis.
    """

    axis: str
    heading: str
    limit: str
    finest: str
    law: str
    text: Callable[[Any], str]
    attributes: Mapping[str, str]


_MESHES = _Kind(
    "mesh", "mesh", "infinite mesh", "finest mesh", "1/N² law", lambda mesh: str(mesh).replace("x", " × "),
    {"long_name": "k mesh"},
)  # fmt: skip
_WIDTHS = _Kind(
    "width", "width/eV", "width → 0", "narrowest", "width² law", lambda width: f"{width:g}",
    {"long_name": "width of the energy shells", "units": "eV"},
)  # fmt: skip


@dataclass(frozen=True)
class ConvergenceResult:
    """Results of a series of meshes, see `convergence`, or of widths, see `width_convergence`.

    Attributes
    ----------
    meshes : list of three ints
        Ascending; of a series of widths that of all.
    widths : list of float, or None
        Descending, eV.
    runs : list of RunResult
        Of every mesh or width.
    values : dict of str to float array (mesh or width, Efermi, ...)
        By the names of the calculators that give a scan over Fermi levels.
    extrapolated, error : dict of str to float array (Efermi, ...)
        See `extrapolate`.
    follows_law : dict of str to bool array (Efermi, ...)
        False where the value of the finest mesh stands in for the extrapolated one.
    """

    meshes: list[tuple[int, int, int]]
    widths: list[float] | None
    runs: list[RunResult]
    values: dict[str, np.ndarray]
    extrapolated: dict[str, np.ndarray]
    error: dict[str, np.ndarray]
    follows_law: dict[str, np.ndarray]

    def to_dataset(self, **attributes: Any) -> xarray.Dataset:
        """Labelled data set of the series.

        Parameters
        ----------
        **attributes
            Further global attributes (strings or numbers).

        Returns
        -------
        xarray.Dataset
            For each variable NAME of `RunResult.to_dataset` NAME with a first axis ``mesh`` (such as "20x20x20") or ``width``
            (eV), and NAME_extrapolated, NAME_error and NAME_follows_law without; units and other attributes as there.  The
            global attribute ``mesh`` is the finest one; k points and wall time are totals.
        """
        sums = [name for name in self.runs[-1].results if not is_tabulated(self.runs[-1].results[name])]
        parts = [part.select(sums).to_dataset() for part in self.runs]
        if left_out := [str(name) for name in self.runs[-1].results if name not in sums]:
            attributes = {"not_included": ", ".join(left_out)} | attributes
        variables, axis = {}, (_MESHES if self.widths is None else _WIDTHS).axis
        for name in quantities(parts[-1]):
            variable, attrs = parts[-1][name], dict(parts[-1][name].attrs)
            if self.widths is not None:
                del attrs["shell_width_eV"]
            variables[name] = ((axis, *variable.dims), self.values[name], attrs)
            for suffix, meaning in _SUFFIXES.items():
                own = attrs | {"long_name": f"{attrs['long_name']}, {meaning}"}
                if suffix == "follows_law":
                    own["units"] = "1"
                variables[f"{name}_{suffix}"] = (variable.dims, getattr(self, suffix)[name], own)
        coordinates = dict(parts[-1].coords)
        if MU in coordinates:  # that of each mesh
            levels = [part[MU] for part in parts]
            coordinates[MU] = ((axis, *levels[0].dims), np.stack([part.values for part in levels]), levels[0].attrs)
        if self.widths is None:
            coordinates["mesh"] = ("mesh", [_label(mesh) for mesh in self.meshes], dict(_MESHES.attributes))
            coordinates["number_of_k_points"] = ("mesh", [int(np.prod(mesh)) for mesh in self.meshes])
        else:
            coordinates["width"] = ("width", self.widths, dict(_WIDTHS.attributes))
        totals = {key: sum(part.attrs[key] for part in parts) for key in ("evaluated_k_points", "wall_time_s")}
        return xarray.Dataset(variables, coordinates, parts[-1].attrs | totals | attributes)


def convergence(
    system: AnySystem,
    meshes: Sequence[Mesh],
    calculators: Mapping[str, Any],
    comm: Communicator = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    **options: Any,
) -> ConvergenceResult:
    """Evaluate calculators on a series of meshes and extrapolate.

    Parameters
    ----------
    system, calculators, comm
        See `wb_conserved.run`.
    meshes : sequence of int or three ints
        At least three, ascending: no direction coarser than before, more k points.  The same ratio of the three numbers
        throughout is best, since a law in one number N is fitted.
    checkpoint : path, optional
        Each mesh has its own folder in this one, mesh-20x20x20.
    **options
        Of `wb_conserved.run`.  Files of ``fout_name`` have the mesh in their names.

    Returns
    -------
    ConvergenceResult
        Complete on every rank.

    Raises
    ------
    ValueError, TypeError
        `meshes` or names of calculators that do not fit; and see `wb_conserved.run`.

    Examples
    --------
    >>> from wb_conserved import convergence, models
    >>> from wb_conserved.calculators import SUMS
    >>> meshes = [[20, 20, 1], [30, 30, 1], [40, 40, 1]]
    >>> found = convergence(models.rashba_lattice(), meshes, {"kubo": SUMS["kubo"].calculator([0.3], kBT=0.1)})
    """
    sizes = series_of_meshes(system, meshes)
    for name in calculators if isinstance(calculators, Mapping) else ():
        for taken in (f"{name}_{suffix}" for suffix in _SUFFIXES):
            if taken in calculators:
                raise InputError("calculators", f"no name {taken!r}, which results of {name!r} take", "it")
        if getattr(calculators[name], "further_axes", {}):
            raise InputError("calculators", "quantities without an axis of frequencies, for a series of meshes", name)
    runs = []
    for mesh in sizes:
        own = _options_of_step(options, checkpoint, f"mesh-{_label(mesh)}")
        runs.append(run(system, mesh, calculators, comm, **own))
    dimension = int(np.asarray(system.periodic, dtype=bool).sum())
    lengths = [float(np.prod(mesh)) ** (1 / dimension) for mesh in sizes]
    return _extrapolated(sizes, None, runs, lengths, dimension)


def width_convergence(
    system,
    grid,
    calculators: Mapping[str, Any],
    widths: Sequence[float],
    comm=None,
    *,
    checkpoint: str | os.PathLike | None = None,
    **options: Any,
) -> ConvergenceResult:
    """Evaluate what impurities make with energy shells of a series of widths on one mesh, and extrapolate to width 0.

    The error of a width is ∝ width² where the density of states is smooth; a mesh that is too coarse for a width shows as
    scatter, and in the error bar.

    Parameters
    ----------
    system, grid, comm
        See `wb_conserved.run`.
    calculators : mapping of str to calculator
        Of `wb_conserved.calculators.impurities`, see `wb_conserved.disorder.impurity_calculators`; others, which have no
        shells, are left out.
    widths : sequence of float
        At least three, each narrower than the one before, eV.
    checkpoint : path, optional
        Each width has its own folder in this one, width-0.05.
    **options
        See `convergence`.

    Returns
    -------
    ConvergenceResult

    Raises
    ------
    ValueError, TypeError
        See `convergence`.

    Examples
    --------
    >>> from wb_conserved import models, width_convergence
    >>> from wb_conserved.disorder import Impurity, impurity_calculators
    >>> chosen = {"names": ["impurity_charge"], "degen_thresh": 0.01, "extra_rate": 0.1}
    >>> calculators = impurity_calculators(Impurity(0.5, 0.01), [0.3], kBT=0.2, **chosen)
    >>> found = width_convergence(models.rashba_lattice(), [12, 12, 1], calculators, [0.4, 0.2, 0.1])
    """
    widths = series_of_widths(widths)
    chosen = {name: part for name, part in calculators.items() if getattr(part, "needs_impurities", False)}
    if not chosen:
        raise InputError("widths", "calculators with energy shells, those of impurities", ", ".join(map(str, calculators)))
    runs = []
    for width in widths:
        own = _options_of_step(options, checkpoint, f"width-{width:g}")
        runs.append(run(system, grid, {name: part.with_width(width) for name, part in chosen.items()}, comm, **own))
    return _extrapolated([runs[-1].mesh], widths, runs, 1 / np.array(widths), -2)


def _options_of_step(options, checkpoint, label):
    """Options of `run` for a step of a series, with folder and names of files of its own."""
    own = dict(options)
    if checkpoint is not None:
        own["checkpoint"] = Path(checkpoint) / label
    if own.get("fout_name") is not None:
        own["suffix"] = "-".join(filter(None, [own.get("suffix", ""), label]))
    return own


def _extrapolated(meshes, widths, runs, sizes, dimension):
    names = [name for name, result in runs[-1].results.items() if isinstance(result, EnergyResult)]
    values = {name: np.stack([part.results[name].dataSmooth for part in runs]) for name in names}
    fits = {name: extrapolate(sizes, values[name], dimension) for name in names}
    extrapolated, error, follows_law = ({name: fit[i] for name, fit in fits.items()} for i in range(3))
    return ConvergenceResult(meshes, widths, runs, values, extrapolated, error, follows_law)


def format_convergence(dataset: xarray.Dataset, level: float | None, components: list[str] | None) -> str:
    """Table at one Fermi level: a row for each mesh or width, then the extrapolated value and its error bar; a part for each
    group of equal units, and for each temperature.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `ConvergenceResult.to_dataset`; one scan for all variables.
    level : float or None
        Fermi level in eV; must be on the scan.
    components : list of str
        See `wb_conserved.results.format_table`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        A level that is not on the scan, or components that do not exist.
    """
    names = [name for name in dataset.data_vars if f"{name}_extrapolated" in dataset]
    kind = next(kind for kind in (_MESHES, _WIDTHS) if kind.axis in dataset.dims)
    values = dataset[names].isel({kind.axis: -1}, drop=True)
    check_components(values, components)
    here, lines = at_level(dataset, level), []
    for group in groups(values):
        columns = [(name, component) for name in group.names for component in group.components(components)]
        where = f"E_F = {level:g} eV, " if LEVELS in group.scan else ""
        lines += ["", ""] if lines else []
        lines.append(f"{where}values in {group.unit}" + (f": {group.family}" if group.family else ""))
        if len(lines) == 1:
            lines.append(", ".join(conditions(dataset)[kind is _MESHES :]))  # without the mesh
        own = [f"{name}{suffix}" for name in group.names for suffix in ("", *(f"_{suffix}" for suffix in _SUFFIXES))]
        for text, part in of_conditions(here[own]):
            lines += ["", *([text] if text else [])]
            lines += _rows_of_steps(part, columns, kind)
    return "\n".join(lines)


def _rows_of_steps(at_one, columns, kind):
    """Rows of the table at one level and temperature."""

    counted = MU in at_one.coords

    def row(first, texts, level=""):
        return f"{first:<18}" + (f"{level:>14}" if counted else "") + "".join(f"  {text:>12}" for text in texts)

    def of(suffix):
        return [select(at_one[name + suffix].assign_attrs(at_one[name].attrs), part).values for name, part in columns]

    def numbers(suffix, digits):
        return [f"{float(f'{value:.{digits}g}'):.{max(digits, 5)}g}" for value in of(suffix)]

    yield row(kind.heading, [heading(at_one[name], component) for name, component in columns], "μ/eV")
    series = of("")
    for i, step in enumerate(at_one[kind.axis].values):
        level = f"{float(at_one[MU][i]):.6g}" if counted else ""
        yield row(kind.text(step), [f"{float(values[i]):.5g}" for values in series], level)
    yield row(kind.limit, numbers("_extrapolated", 5))
    yield row("± error", numbers("_error", 2))
    yield row("value from", [kind.law if follows else kind.finest for follows in of("_follows_law")])


def series_of_widths(widths) -> list[float]:
    """Widths of `width_convergence`.

    Raises
    ------
    InputError
        Fewer than three, or one that is not narrower than the one before.
    """
    expected = "a list of at least three numbers > 0 (eV), each smaller than the one before"
    values = np.asarray(widths)
    if values.ndim != 1 or len(values) < 3 or values.dtype.kind not in "if":
        raise InputError("widths", expected, repr(widths))
    if not np.all(values > 0) or not np.all(np.diff(values) < 0):
        raise InputError("widths", expected, repr(widths))
    return values.astype(float).tolist()


def series_of_meshes(system, meshes) -> list[tuple[int, int, int]]:
    """Meshes of `convergence` as three numbers each.

    Raises
    ------
    InputError
        Fewer than three, one that is no mesh of the system, or one that is not finer than the one before.
    """
    if isinstance(meshes, str) or not isinstance(meshes, Sequence | np.ndarray) or len(meshes) < 3:
        raise InputError("meshes", "a list of at least three meshes, from coarse to fine", repr(meshes))
    sizes = []
    for i, mesh in enumerate(meshes):
        try:
            sizes.append(tuple(int(n) for n in regular_grid(system, mesh).dense))
        except InputError as error:
            raise InputError(f"meshes[{i}]", error.expected, error.found) from None
    for i, (coarse, fine) in enumerate(pairwise(sizes), start=1):
        if fine == coarse or any(n < m for m, n in zip(coarse, fine, strict=True)):
            raise InputError(
                f"meshes[{i}]", f"a mesh finer than the one before, {_label(coarse)} (from coarse to fine)", _label(fine)
            )
    return sizes


def _label(mesh) -> str:
    return "x".join(str(int(n)) for n in mesh)
