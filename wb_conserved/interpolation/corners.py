"""Band energies at the corners of the cells of k points, for linear tetrahedra.

The cell of a k point is the parallelepiped k ± c/2, c being the cell's extent along the reciprocal lattice vectors.  Cells of
a mesh share corners: in units of c/2 the corners of k = (c/2) p are p ± 1, whole numbers, modulo the period 2/c of the
Brillouin zone.  Each different corner is diagonalised once, and kept for the batches that follow, up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.data_K.data_K_soc import Data_K_soc

from ..tetrahedra import CORNERS
from .wannier import WannierInterpolator

_SAME = 1e-6  # of half a cell
_MOST_NUMBERS = 2**20  # energies kept: 8 MB


class CornerEnergies:
    """Energies at the corners of cells; remembers those of the last batches.

    Parameters
    ----------
    band_energies : callable
        Band energies (q, n) in ascending order of k points (q, 3), eV.
    """

    def __init__(self, band_energies: Callable[[np.ndarray], np.ndarray]):
        self._band_energies = band_energies
        self._mesh = None
        self._forget()

    def _forget(self):
        self._numbers, self._energies = np.zeros(0, dtype=np.int64), None

    def __call__(self, kpoints: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Energies at the corners.

        Parameters
        ----------
        kpoints : float array (k, 3)
            Reduced coordinates.
        cell : float array (3,)
            Extent of the cell of every one of them, reduced coordinates.

        Returns
        -------
        float array (k, 8, n)
            eV; corners in the order of `wb_conserved.tetrahedra.CORNERS`.
        """
        half = np.asarray(cell, dtype=float) / 2
        position = kpoints / half
        origin = position[0] - np.rint(position[0])
        origin[np.abs(origin) < _SAME] = 0.0
        whole = np.rint(position - origin)
        period = np.rint(1 / half)
        if np.any(np.abs(position - origin - whole) > _SAME) or np.any(np.abs(period * half - 1) > 1e-9):
            corners = kpoints[:, None, :] + (2 * CORNERS - 1) * half  # no mesh
            return self._band_energies(corners.reshape(-1, 3)).reshape(len(kpoints), 8, -1)
        mesh = np.concatenate([origin, half])
        if self._mesh is None or np.any(np.abs(mesh - self._mesh) > _SAME * np.concatenate([np.ones(3), half])):
            self._mesh = mesh
            self._forget()
        corners = ((whole[:, None, :] + (2 * CORNERS - 1)) % period).astype(np.int64)
        period = period.astype(np.int64)
        number = (corners[..., 0] * period[1] + corners[..., 1]) * period[2] + corners[..., 2]
        needed, place = np.unique(number, return_inverse=True)
        self._provide(needed, period)
        rows = np.searchsorted(self._numbers, needed)[place.reshape(number.shape)]
        return self._energies[rows]

    def _provide(self, needed, period):
        """Extend what is remembered, in ascending order of numbers, by the corners of these numbers."""
        missing = np.setdiff1d(needed, self._numbers, assume_unique=True)
        if len(missing) == 0:
            return
        if self._energies is not None and self._energies.size > _MOST_NUMBERS:
            self._forget()
            missing = needed
        corners = np.stack([missing // (period[1] * period[2]), missing // period[2] % period[1], missing % period[2]], 1)
        energies = self._band_energies((corners + self._mesh[:3]) * self._mesh[3:])
        if self._energies is None:
            self._numbers, self._energies = missing, energies
            return
        before = np.searchsorted(self._numbers, missing)
        self._numbers = np.insert(self._numbers, before, missing)
        self._energies = np.insert(self._energies, before, energies, axis=0)


def corner_energies(data_K, part: slice) -> np.ndarray:
    """Energies at the corners of the cells of some k points of a WannierBerri ``Data_K``.

    Parameters
    ----------
    data_K : wannierberri.data_K.Data_K
        Of a K point of a regular grid.
    part : slice
        Of its k points.

    Returns
    -------
    float array (k, 8, n), eV

    Raises
    ------
    ValueError
        The k points belong to a path or to a grid of tetrahedra, and have no cells.
    """
    cell = getattr(data_K.Kpoint, "dK_fullBZ", None)
    if cell is None:
        raise ValueError(f"tetra: expected the k points of a regular grid, found those of {type(data_K.Kpoint).__name__}")
    kept = data_K.__dict__
    if not isinstance(data_K, Data_K_R) or isinstance(data_K, Data_K_soc):
        if "corner_energies" not in kept:
            kept["corner_energies"] = data_K.E_K_corners_parallel().reshape(data_K.nk, 8, -1)
        return kept["corner_energies"][part]
    if "corner_energies" not in kept:
        kept["corner_energies"] = wannier_corner_energies(kept.get("interpolator") or WannierInterpolator(data_K.system))
    return kept["corner_energies"](data_K.kpoints_all[part], cell)


def wannier_corner_energies(interpolator: WannierInterpolator) -> CornerEnergies:
    """`CornerEnergies` of interpolated bands; may serve several ``Data_K``, as their attribute ``corner_energies``."""

    def band_energies(kpoints):
        return np.linalg.eigvalsh(interpolator(interpolator.phases(kpoints), "Ham"))

    return CornerEnergies(band_energies)
