"""Kramers pairs: found by the splitting of the bands, not by faith in the symmetry.

Where a crystal has time reversal times inversion, every band is twofold degenerate at every k.  Wannier functions that
break this symmetry, maximally localised ones above all, split the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..interpolation import WannierInterpolator

if TYPE_CHECKING:
    from ..annotations import AnySystem


@dataclass(frozen=True)
class KramersReport:
    """Splitting of the pairs of bands 2j, 2j+1 at k points without symmetry.

    Attributes
    ----------
    found : bool
        All pairs in the window are degenerate within the tolerance.
    largest_splitting : float
        eV, in the window.
    kpoint : float array (3,)
        Reduced coordinates of the k point where it occurs.
    band : int
        Lower band of that pair, counted from 0.
    smallest_distance : float
        Smallest distance between different pairs in the window, eV: pairs that are split by more mix.
    tolerance : float
        eV.
    """

    found: bool
    largest_splitting: float
    kpoint: np.ndarray
    band: int
    smallest_distance: float
    tolerance: float

    def __str__(self):
        verdict = "Kramers pairs" if self.found else "no Kramers pairs"
        return (
            f"{verdict}: bands 2j and 2j+1 are split by up to {self.largest_splitting:.2e} eV (bands {self.band} and "
            f"{self.band + 1} at k = {np.round(self.kpoint, 3).tolist()}; tolerance {self.tolerance:g} eV), different "
            f"pairs come as close as {self.smallest_distance:.2e} eV"
        )


def kramers_pairs(
    system: AnySystem, *, tolerance: float = 1e-4, window: tuple[float, float] | None = None, number: int = 200
) -> KramersReport:
    """Look for Kramers pairs at random k points.

    Parameters
    ----------
    system : wannierberri.system.System_R
    tolerance : float
        Largest splitting of a pair, eV.
    window : two floats, optional
        Lowest and highest energy (eV) of the pairs that count; all by default.
    number : int
        Number of k points.

    Returns
    -------
    KramersReport

    Raises
    ------
    ValueError
        No pair of bands lies in the window, or the number of bands is odd.

    Examples
    --------
    >>> from wb_conserved import kramers_pairs, models
    >>> kramers_pairs(models.kramers_degenerate()).found
    True
    >>> kramers_pairs(models.rashba_lattice()).found
    False
    """
    if system.num_wann % 2:
        raise ValueError(f"system: expected an even number of bands for Kramers pairs, found {system.num_wann}")
    kpoints = np.random.default_rng(0).random((number, 3)) * np.asarray(system.periodic, dtype=float)
    interpolator = WannierInterpolator(system)
    energies = np.linalg.eigvalsh(interpolator(interpolator.phases(kpoints), "Ham"))
    lower, upper = energies[:, 0::2], energies[:, 1::2]
    lowest, highest = window if window is not None else (-np.inf, np.inf)
    counted = (lower >= lowest) & (upper <= highest)
    if not counted.any():
        raise ValueError(f"window: expected pairs of bands between {lowest} and {highest} eV, found none")
    splitting = np.where(counted, upper - lower, -1.0)
    k, pair = np.unravel_index(splitting.argmax(), splitting.shape)
    between = np.where(counted[:, 1:] & counted[:, :-1], lower[:, 1:] - upper[:, :-1], np.inf)
    largest = float(splitting[k, pair])
    distance = float(between.min()) if between.size else float("inf")
    return KramersReport(largest <= tolerance, largest, kpoints[k], 2 * int(pair), distance, tolerance)
