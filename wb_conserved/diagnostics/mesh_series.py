"""A series of k meshes: every result extrapolated to an infinite mesh, with an error bar per component."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from scipy.special import stdtrit
from wannierberri.result import EnergyResult

from ..driver.grid import regular_grid
from ..driver.run import run
from ..errors import InputError
from ..results.dataset import RunResult
from ..results.groups import LEVELS, MU, at_level, check_components, groups, of_temperatures, quantities, select
from ..results.table import conditions, heading
from ..results.tabulated import is_tabulated

_SUFFIXES = {
    "extrapolated": "extrapolated to an infinite mesh",
    "error": "error bar of the extrapolated value",
    "follows_law": "whether it is extrapolated by the law 1/N²; where not, it is the value of the finest mesh",
}
_ONE_ERROR, _SIGNIFICANT = 0.8413, 0.975  # quantiles: 68 % and 95 % of both sides


@dataclass(frozen=True)
class ConvergenceResult:
    """Results of a series of meshes, see `convergence`.

    Attributes
    ----------
    meshes : list of three ints
        Ascending.
    runs : list of RunResult
        Of every mesh.
    values : dict of str to float array (mesh, Efermi, ...)
        By the names of the calculators that give a scan over Fermi levels.
    extrapolated, error : dict of str to float array (Efermi, ...)
        See `extrapolate`.
    follows_law : dict of str to bool array (Efermi, ...)
        False where the value of the finest mesh stands in for the extrapolated one.
    """

    meshes: list[tuple[int, int, int]]
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
            For each variable NAME of `RunResult.to_dataset` NAME with a first axis ``mesh`` (such as "20x20x20"), and
            NAME_extrapolated, NAME_error and NAME_follows_law without; units and other attributes as there.  The
            global attribute ``mesh`` is the finest one; k points and wall time are totals.
        """
        sums = [name for name in self.runs[-1].results if not is_tabulated(self.runs[-1].results[name])]
        parts = [part.select(sums).to_dataset() for part in self.runs]
        if left_out := [str(name) for name in self.runs[-1].results if name not in sums]:
            attributes = {"not_included": ", ".join(left_out)} | attributes
        variables = {}
        for name in quantities(parts[-1]):
            variable, attrs = parts[-1][name], parts[-1][name].attrs
            variables[name] = (("mesh", *variable.dims), self.values[name], attrs)
            for suffix, meaning in _SUFFIXES.items():
                own = attrs | {"long_name": f"{attrs['long_name']}, {meaning}"}
                if suffix == "follows_law":
                    own["units"] = "1"
                variables[f"{name}_{suffix}"] = (variable.dims, getattr(self, suffix)[name], own)
        coordinates = dict(parts[-1].coords)
        if MU in coordinates:  # that of each mesh
            levels = [part[MU] for part in parts]
            coordinates[MU] = (("mesh", *levels[0].dims), np.stack([part.values for part in levels]), levels[0].attrs)
        coordinates["mesh"] = ("mesh", [_label(mesh) for mesh in self.meshes], {"long_name": "k mesh"})
        coordinates["number_of_k_points"] = ("mesh", [int(np.prod(mesh)) for mesh in self.meshes])
        totals = {key: sum(part.attrs[key] for part in parts) for key in ("evaluated_k_points", "wall_time_s")}
        return xarray.Dataset(variables, coordinates, parts[-1].attrs | totals | attributes)


def convergence(
    system,
    meshes: Sequence,
    calculators: Mapping[str, Any],
    comm=None,
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
        own = dict(options)
        if checkpoint is not None:
            own["checkpoint"] = Path(checkpoint) / f"mesh-{_label(mesh)}"
        if own.get("fout_name") is not None:
            own["suffix"] = "-".join(filter(None, [own.get("suffix", ""), f"mesh-{_label(mesh)}"]))
        runs.append(run(system, mesh, calculators, comm, **own))
    periodic = np.asarray(system.periodic, dtype=bool)
    dimension = int(periodic.sum())
    lengths = [float(np.prod(mesh)) ** (1 / dimension) for mesh in sizes]
    names = [name for name, result in runs[-1].results.items() if isinstance(result, EnergyResult)]
    values = {name: np.stack([part.results[name].dataSmooth for part in runs]) for name in names}
    fits = {name: extrapolate(lengths, values[name], dimension) for name in names}
    extrapolated, error, follows_law = ({name: fit[i] for name, fit in fits.items()} for i in range(3))
    return ConvergenceResult(sizes, runs, values, extrapolated, error, follows_law)


def extrapolate(sizes, values, dimension: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Value at N → ∞ of quantities on meshes of N^D points, and its error bar; each component by itself.

    Fitted by weighted least squares is

    .. math:: v(N) = v_\infty + a\,N^{-2},\quad w(N) = N^{D+1}.

    A singularity ∝ |k|^s of the integrand at a point leaves an error ∝ 1/N^{D+s} in a mesh sum (J. N. Lyness, Math.
    Comput. 30, 1 (1976)), a kink at a lattice plane (the edge of a k·p box) one ∝ 1/N².  A sharp Fermi surface adds one of
    no definite sign, of variance ∝ 1/N^{D+1} (that of the number of lattice points in a convex body, D. G. Kendall, Quart.
    J. Math. 19, 1 (1948)), which sets the weights.  At a temperature that the mesh resolves, or in a gap, the sum
    converges exponentially, and no such law holds.  So the value is

    - v_∞ where the data support the law: a differs from 0 at 95 % (Student's t, scatter from the residuals), and dv/d(1/N²)
      between the last and the last but one pair of meshes has the same sign and agrees within a factor of 2, which noise
      and exponential convergence do not;
    - that of the finest mesh otherwise.

    The error bar is the larger of ½ |v_finest − v_second finest| and of

    .. math:: \sqrt{\sigma^2 + (v_\infty - v_\mathrm{finest})^2}.

    σ is the standard error of v_∞ times the 68 % quantile of Student's t, as few meshes tell little of their scatter; for
    the value of the finest mesh it is at least the scatter of all meshes around their weighted mean, scaled to the finest
    mesh, times that quantile.  The second term is there because the exponent 2 is a guess: of a law 1/N^p, p ≥ 1, a fit
    to close meshes leaves at most about |v_∞ − v_finest|.  Thus the bar is too large where the law holds exactly or
    convergence is exponential.  With random errors that fall at least as N^{-(D+1)/2}, with or without a term in 1/N²,
    at least 68 % of exact values are within one error bar and 95 % within three.  Of a feature that all meshes are too
    coarse to see, such as a small gap, the bar knows nothing.

    Parameters
    ----------
    sizes : array (mesh,)
        N, ascending; at least three.
    values : array (mesh, ...)
    dimension : int
        D.

    Returns
    -------
    extrapolated, error : float array (...)
    follows_law : bool array (...)
        True where the value is v_∞.

    Raises
    ------
    ValueError
        Fewer than three sizes, not ascending, or not one for each of `values`.
    """
    sizes, values = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    if sizes.ndim != 1 or len(sizes) < 3 or np.any(np.diff(sizes) <= 0) or not sizes[0] > 0:
        raise ValueError(f"sizes: expected at least three ascending positive numbers, found {sizes.tolist()}")
    if values.shape[:1] != sizes.shape:
        raise ValueError(f"values: expected a first axis of {len(sizes)} meshes, found shape {values.shape}")
    shape = (len(sizes), *(1,) * (values.ndim - 1))
    x = ((sizes[-1] / sizes) ** 2).reshape(shape)  # 1 for the finest mesh
    weights = ((sizes / sizes[-1]) ** (dimension + 1)).reshape(shape)
    total = weights.sum()
    mean, mean_x = (weights * values).sum(axis=0) / total, (weights * x).sum() / total
    spread = (weights * (x - mean_x) ** 2).sum()
    slope = (weights * (x - mean_x) * (values - mean)).sum(axis=0) / spread
    limit = mean - slope * mean_x
    freedom = len(sizes) - 2
    scatter = np.sqrt((weights * (values - limit - slope * x) ** 2).sum(axis=0) / freedom)
    scatter_of_mean = np.sqrt((weights * (values - mean) ** 2).sum(axis=0) / (freedom + 1))

    last, before = (np.diff(values, axis=0) / np.diff(x, axis=0))[[-1, -2]]
    steady = (last * before > 0) & (np.abs(last) <= 2 * np.abs(before)) & (np.abs(before) <= 2 * np.abs(last))
    significant = np.abs(slope) > stdtrit(freedom, _SIGNIFICANT) * scatter / np.sqrt(spread)
    follows_law = steady & significant
    sigma = stdtrit(freedom, _ONE_ERROR) * scatter * np.sqrt(1 / total + mean_x**2 / spread)
    sigma_finest = np.maximum(sigma, stdtrit(freedom + 1, _ONE_ERROR) * scatter_of_mean)
    bar = np.hypot(np.where(follows_law, sigma, sigma_finest), limit - values[-1])
    error = np.maximum(bar, 0.5 * np.abs(values[-1] - values[-2]))
    return np.where(follows_law, limit, values[-1]), error, follows_law


def format_convergence(dataset: xarray.Dataset, level: float | None, components: list[str] | None) -> str:
    """Table at one Fermi level: a row for each mesh, then the extrapolated value and its error bar; a part for each group of
    equal units, and for each temperature.

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
    meshes = dataset["mesh"].values
    values = dataset[names].isel(mesh=-1, drop=True)
    check_components(values, components)
    here, lines = at_level(dataset, level), []
    for group in groups(values):
        columns = [(name, component) for name in group.names for component in group.components(components)]
        where = f"E_F = {level:g} eV, " if LEVELS in group.scan else ""
        lines += ["", ""] if lines else []
        lines.append(f"{where}values in {group.unit}")
        if len(lines) == 1:
            lines.append(", ".join(conditions(dataset)[1:]))  # without the mesh
        for text, part in of_temperatures(here):
            lines += ["", *([text] if text else [])]
            lines += _rows_of_meshes(part, columns, meshes)
    return "\n".join(lines)


def _rows_of_meshes(at_one, columns, meshes):
    """Rows of the table at one level and temperature."""

    counted = MU in at_one.coords

    def row(first, texts, level=""):
        return f"{first:<18}" + (f"{level:>14}" if counted else "") + "".join(f"{text:>14}" for text in texts)

    def of(suffix):
        return [select(at_one[name + suffix].assign_attrs(at_one[name].attrs), part).values for name, part in columns]

    def numbers(suffix, digits):
        return [f"{float(f'{value:.{digits}g}'):.{max(digits, 5)}g}" for value in of(suffix)]

    yield row("mesh", [heading(at_one[name], component) for name, component in columns], "μ/eV")
    series = of("")
    for i, mesh in enumerate(meshes):
        level = f"{float(at_one[MU][i]):.6g}" if counted else ""
        yield row(str(mesh).replace("x", " × "), [f"{float(values[i]):.5g}" for values in series], level)
    yield row("infinite mesh", numbers("_extrapolated", 5))
    yield row("± error", numbers("_error", 2))
    yield row("value from", ["1/N² law" if follows else "finest mesh" for follows in of("_follows_law")])


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
