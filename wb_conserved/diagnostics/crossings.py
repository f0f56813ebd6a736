"""Near crossings of bands that dominate a sum over the Brillouin zone: where, between which bands, how much.

The contribution of a k point to a result is its part of the weighted sum over bands.  Two bands that come close by
accident contribute with the square of the inverse distance; a few k points then carry the result, and it converges with
the mesh only when the crossing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..calculators.band_geometry import BandGeometry
from ..calculators.contract import SUM, Accumulating, Largest
from ..calculators.occupied import OccupationCalculator
from ..driver.run import run
from ..errors import InputError

if TYPE_CHECKING:
    from ..annotations import AnySystem, Communicator, Mesh


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


class LargestContributions(Accumulating):
    """The k points that contribute most to one component of a result, as a calculator of `wb_conserved.run`.

    Parameters
    ----------
    calculator : OccupationCalculator
        At one Fermi level and temperature.
    component : tuple of int
        Indices of the Cartesian axes, (0, 1, 2) for xyz.
    number : int
        How many to keep.

    Raises
    ------
    InputError
        More than one level or temperature, or a component that does not fit.
    """

    allow_grid, allow_path = True, False

    def __init__(self, calculator: OccupationCalculator, component: tuple[int, ...], number: int):
        if calculator.statistics is None or any(len(values) != 1 for values in calculator.statistics.scan.values()):
            raise InputError("calculator", "one Fermi level and one temperature", f"a scan of {calculator.dims}")
        if len(component) != len(calculator.cartesian_axes):
            raise InputError("component", f"{len(calculator.cartesian_axes)} indices", repr(component))
        self.calculator, self.component = calculator, tuple(component)
        self._index = (*self.component, *(0,) * (1 - calculator.operator.rank))
        self._of_nodes = {
            weight: [nodes.reshape(-1) for nodes in calculator.statistics.node_weights(weight)]
            for weight in calculator.occupations
        }
        self.merges = {"sums": SUM, "largest": Largest(number)}

    def __call__(self, data_K):
        """Only `wb_conserved.run` knows how to merge it."""
        raise TypeError("LargestContributions: expected wb_conserved.run, found a run of WannierBerri")

    def requirements(self, system):
        """Those of the calculator."""
        return self.calculator.requirements(system)

    def accumulate(self, states, weight=1.0, out=None):
        """Sum of the contributions, of their absolute values, and number of k points; and the largest ones.

        A row is: contribution, k (3), the two bands, their distance, their mean energy.
        """
        calculator, first = self.calculator, 0
        factor = weight * calculator.factor(states.system)
        sums, rows = np.zeros(3), []
        for geometry in calculator.band_geometries(states):
            per_band = factor * self._weighted(geometry)
            contributions = per_band.sum(axis=1)
            sums += [contributions.sum(), np.abs(contributions).sum(), len(contributions)]
            kept = self.merges["largest"].of(np.stack([contributions, np.arange(len(contributions))], axis=1))
            rows += [_row(geometry, states.kpoints[first + k], per_band[k], k) for k in kept[:, 1].astype(int)]
            first += len(contributions)
        values = {"sums": sums, "largest": self.merges["largest"].of(np.array(rows))}
        return values if out is None else {name: merge(out[name], values[name]) for name, merge in self.merges.items()}

    def _weighted(self, geometry: BandGeometry) -> np.ndarray:
        """Contribution of every band at each k point with its weight, (k, n)."""
        statistics = self.calculator.statistics
        placement, total = geometry.place(statistics), 0.0
        for term in self.calculator.terms(geometry):
            moments = zip(statistics.moments(term.weight), self._of_nodes[term.weight], strict=True)
            weights = sum(placement.of_bands(moment, nodes) for moment, nodes in moments)
            total = total + weights * term.values[(..., *self._index)]
        return total

    def finalize(self, values, system) -> CrossingReport:
        """The report."""
        total, absolute, number = values["sums"].tolist()
        crossings = tuple(
            Crossing(row[1:4], float(row[0]), (int(row[4]), int(row[5])), float(row[6]), float(row[7]))
            for row in values["largest"]
        )
        return CrossingReport(total, absolute, crossings, int(number), self.calculator.unit(int(np.sum(system.periodic))))


def near_crossings(
    system: AnySystem,
    mesh: Mesh,
    calculator: OccupationCalculator,
    component: tuple[int, ...],
    *,
    number: int = 10,
    comm: Communicator = None,
) -> CrossingReport:
    """K points that contribute most to one component of a result, and the closest bands there.

    Parameters
    ----------
    system : wannierberri.system.System
    mesh : int or three ints
    calculator : OccupationCalculator
        With one Fermi level and temperature.
    component : tuple of int
        Indices of the Cartesian axes, (0, 1, 2) for xyz.
    number : int
        How many to list.
    comm : mpi4py.MPI.Comm, optional
        See `wb_conserved.run`.

    Returns
    -------
    CrossingReport

    Raises
    ------
    InputError
        The calculator has more than one level or temperature, or the component does not fit.

    Examples
    --------
    >>> from wb_conserved import models, near_crossings
    >>> from wb_conserved.calculators import SUMS
    >>> calculator = SUMS["berry"].calculator([0.0], kBT=0.05)
    >>> report = near_crossings(models.rashba_lattice(zeeman=0.1), [20, 20, 1], calculator, (0, 1, 2), number=3)
    >>> report.number_of_k_points, len(report.crossings)
    (400, 3)
    """
    largest = {"crossings": LargestContributions(calculator, component, number)}
    return run(system, mesh, largest, comm, use_irred_kpt=False, symmetrize=False).results["crossings"]


def _row(geometry, kpoint, per_band, k):
    """The band that contributes most at a k point, and the nearest one of another multiplet."""
    energies, labels = geometry.energies[k], geometry.multiplets.labels[k]
    band = int(np.argmax(np.abs(per_band)))
    distance = np.where(labels == labels[band], np.inf, np.abs(energies - energies[band]))
    pair = sorted((band, int(np.argmin(distance))))
    return [per_band.sum(), *kpoint, *pair, distance.min(), energies[pair].mean()]
