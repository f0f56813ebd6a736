"""Near crossings of bands that dominate a sum over the Brillouin zone: where, between which bands, how much.

The contribution of a k point to a result is its part of the weighted sum over bands.  Two bands that come close by
accident contribute with the square of the inverse distance; a few k points then carry the result, and it converges with
the mesh only when the crossing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..calculators.base import OccupationCalculator
from ..driver.grid import regular_grid
from ..driver.run import data_K_of_list
from ..interpolation import WannierInterpolator
from ..interpolation.bloch import batch_slices

_ENERGIES = 64  # weights are found for this many energies at a time


@dataclass(frozen=True)
class Crossing:
    """A k point and its contribution.

    Attributes
    ----------
    kpoint : float array (3,)
        Reduced coordinates.
    contribution : float
        Part of the result, in its unit.
    bands : tuple of int
        The band that contributes most there, and the nearest one of another multiplet, counted from 0, lower first.
    gap : float
        Their distance, eV.
    energy : float
        Their mean energy, eV.
    """

    kpoint: np.ndarray
    contribution: float
    bands: tuple[int, int]
    gap: float
    energy: float


@dataclass(frozen=True)
class CrossingReport:
    """The k points that contribute most to one component.

    Attributes
    ----------
    total : float
        The result on the whole mesh.
    absolute : float
        Sum of the absolute contributions of all k points.
    crossings : tuple of Crossing
        In order of the size of their contributions.
    number_of_k_points : int
    unit : str
    """

    total: float
    absolute: float
    crossings: tuple[Crossing, ...]
    number_of_k_points: int
    unit: str

    @property
    def share(self) -> float:
        """Part of the sum of absolute contributions that the listed k points carry."""
        return sum(abs(crossing.contribution) for crossing in self.crossings) / self.absolute if self.absolute else 0.0

    def __str__(self):
        lines = [
            f"{len(self.crossings)} of {self.number_of_k_points} k points carry {100 * self.share:.1f} % of the absolute "
            f"contributions; result {self.total:.6g} {self.unit}",
            f"{'k (reduced)':^30} {'contribution':>13} {'bands':>9} {'gap/meV':>9} {'energy/eV':>10}",
        ]
        for crossing in self.crossings:
            k = " ".join(f"{x:9.5f}" for x in crossing.kpoint)
            bands = f"{crossing.bands[0]}-{crossing.bands[1]}"
            lines.append(
                f"{k:^30} {crossing.contribution:>13.5g} {bands:>9} {1e3 * crossing.gap:>9.3g} {crossing.energy:>10.4f}"
            )
        return "\n".join(lines)


def near_crossings(
    system, mesh, calculator: OccupationCalculator, component: tuple[int, ...], *, number: int = 10
) -> CrossingReport:
    """K points that contribute most to one component of a result, and the closest bands there.

    Parameters
    ----------
    system : wannierberri.system.System
    mesh : int or three ints
    calculator : OccupationCalculator
        With one Fermi level.
    component : tuple of int
        Indices of the axes after the Fermi level, (0, 1, 2) for xyz.
    number : int
        How many to list.

    Returns
    -------
    CrossingReport

    Raises
    ------
    ValueError
        The calculator has more than one Fermi level, or the component does not fit.
    """
    if len(calculator.Efermi) != 1:
        raise ValueError(f"calculator: expected one Fermi level, found {len(calculator.Efermi)}")
    if len(component) != len(calculator.dims) - 1:
        raise ValueError(f"component: expected {len(calculator.dims) - 1} indices, found {component!r}")
    index = tuple(component) + (0,) * (1 - calculator.operator.rank)
    grid = regular_grid(system, mesh)
    total_points = int(np.prod(grid.dense))
    factor = calculator.factor(system) / total_points
    interpolator = WannierInterpolator(system) if hasattr(system, "rvec") else None
    total, absolute, best = 0.0, 0.0, []
    for Kpoint in grid.get_K_list(use_symmetry=False):
        kpoints = (grid.points_FFT + Kpoint.Kp_fullBZ) % 1
        for part in batch_slices(grid.FFT, system.num_wann):
            data_K = data_K_of_list(system, kpoints[part], grid, Kpoint, interpolator=interpolator)
            for geometry in calculator.band_geometries(data_K):
                per_band = factor * _weighted(calculator, geometry, index)
                contributions = per_band.sum(axis=1)
                total, absolute = total + contributions.sum(), absolute + np.abs(contributions).sum()
                largest = np.argsort(-np.abs(contributions))[:number]
                best += [_crossing(geometry, kpoints[part][k], per_band[k], k) for k in largest]
        best = sorted(best, key=lambda crossing: -abs(crossing.contribution))[:number]
    unit = calculator.unit(int(np.sum(system.periodic)))
    return CrossingReport(float(total), float(absolute), tuple(best), total_points, unit)


def _weighted(calculator, geometry, index):
    """Contribution of every band at each k point with its occupation, (k, n)."""
    energies, occupation = geometry.multiplets.energies, calculator.occupation
    levels, position = np.unique(energies, return_inverse=True)
    position = position.reshape(energies.shape)
    total = np.zeros(energies.shape)
    for term in calculator.terms(geometry):
        # the weight of an energy is the sum over one band of value 1 there
        weights = np.empty(len(levels))
        for start in range(0, len(levels), _ENERGIES):
            some = levels[None, start : start + _ENERGIES]
            ones = np.eye(some.shape[1])[None]
            spectra = [occupation.accumulate(some, ones)]
            if term.occupation == "grand_potential":
                spectra.append(occupation.accumulate(some, some[..., None] * ones))
            weights[start : start + _ENERGIES] = getattr(occupation, term.occupation)(*spectra)[0]
        total += weights[position] * term.values[(..., *index)]
    return total


def _crossing(geometry, kpoint, per_band, k):
    """The band that contributes most at a k point, and the nearest one of another multiplet."""
    energies, labels = geometry.batch.energies[k], geometry.multiplets.labels[k]
    band = int(np.argmax(np.abs(per_band)))
    distance = np.where(labels == labels[band], np.inf, np.abs(energies - energies[band]))
    pair = sorted((band, int(np.argmin(distance))))
    return Crossing(
        kpoint,
        float(per_band.sum()),
        tuple(pair),
        float(distance.min()),
        float(energies[pair].mean()),
    )
