"""How results depend on the multiplet threshold, a physical choice: several in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calculators.occupied import OccupationCalculator
from ..driver.run import run
from ..results.dataset import RunResult

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..annotations import AnySystem, Communicator, Grid
    from ..occupations import Electrons


@dataclass(frozen=True)
class ThresholdReport:
    """Results for several multiplet thresholds.

    Attributes
    ----------
    thresholds : tuple of float
        eV.
    values : dict of str to float array (threshold, *scan, ...)
        Scan: Fermi levels, and temperatures where several were given.
    units : dict of str to str
    result : RunResult
        Of the run, with names "name @ threshold eV".
    """

    thresholds: tuple[float, ...]
    values: dict[str, np.ndarray]
    units: dict[str, str]
    result: RunResult

    def spread(self, name: str) -> np.ndarray:
        """Largest minus smallest value over the thresholds, (*scan, ...)."""
        return np.ptp(self.values[name], axis=0)

    def table(self, component: tuple[int, ...], level: int | tuple[int, ...] = 0) -> str:
        """Values of one component at one place of the scan against the threshold, and their spread.

        Parameters
        ----------
        component : tuple of int
            Indices of the Cartesian axes, (0, 1, 2) for xyz.
        level : int or tuple of int
            Index on the axis of the scan; (level, temperature) where it has two.
        """
        index = (*np.atleast_1d(level).tolist(), *component)
        width = max(12, *(len(name) for name in self.values))
        rows = ["threshold/eV " + " ".join(f"{name:>{width}}" for name in self.values)]
        for number, threshold in enumerate(self.thresholds):
            numbers = (f"{values[(number, *index)]:>{width}.6g}" for values in self.values.values())
            rows.append(f"{threshold:<12g} " + " ".join(numbers))
        spreads = (f"{self.spread(name)[index]:>{width}.3g}" for name in self.values)
        rows.append(f"{'spread':<12} " + " ".join(spreads))
        return "\n".join([*rows, "units: " + ", ".join(f"{name} {unit}" for name, unit in self.units.items())])


def scan_thresholds(
    system: AnySystem,
    grid: Grid,
    kinds: Mapping[str, type[OccupationCalculator]],
    thresholds: Sequence[float],
    Efermi: ArrayLike | Electrons,
    comm: Communicator = None,
    *,
    progress: bool = False,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    **arguments: Any,
) -> ThresholdReport:
    """Evaluate calculators for several multiplet thresholds in one run.

    Energies, matrices and whatever no grouping enters are shared; a further threshold computes anew only the k points
    at which it groups the bands otherwise.

    Parameters
    ----------
    system : wannierberri.system.System
    grid : int, three ints or wannierberri.Grid
        See `wb_conserved.run`.
    kinds : dict of str to calculator class
        For instance ``{"σ_K": KuboConservedSpinConductivity}``.
    thresholds : sequence of float
        eV, the most important one first.
    Efermi : float, sequence of float or Electrons
        eV.
    comm : mpi4py.MPI.Comm, optional
    progress, use_irred_kpt, symmetrize : bool
        See `wb_conserved.run`.
    **arguments
        Of the calculators: ``kBT``, ``operator``, ...

    Returns
    -------
    ThresholdReport

    Raises
    ------
    ValueError
        No thresholds.

    Examples
    --------
    >>> from wb_conserved import models, scan_thresholds
    >>> from wb_conserved.calculators import SUMS
    >>> kinds = {name: SUMS[name].calculator for name in ("kubo", "berry")}
    >>> report = scan_thresholds(models.rashba_lattice(), [20, 20, 1], kinds, [1e-3, 0.1], [0.3], kBT=0.1)
    """
    thresholds = tuple(float(value) for value in thresholds)
    if not thresholds:
        raise ValueError("thresholds: expected at least one number (eV), found none")
    calculators = {
        f"{name} @ {threshold:g} eV": kind(Efermi, degen_thresh=threshold, **arguments)
        for threshold in thresholds
        for name, kind in kinds.items()
    }
    result = run(system, grid, calculators, comm, progress=progress, use_irred_kpt=use_irred_kpt, symmetrize=symmetrize)
    dimension = int(np.sum(system.periodic))
    values = {
        name: np.stack([result.results[f"{name} @ {threshold:g} eV"].data for threshold in thresholds])
        for name in kinds
    }
    first = thresholds[0]
    units = {name: calculators[f"{name} @ {first:g} eV"].unit(dimension) for name in kinds}
    return ThresholdReport(thresholds, values, units, result)
