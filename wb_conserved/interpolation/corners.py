"""Band energies at the corners of the cells of k points, for linear tetrahedra.

The cell of a k point is the parallelepiped k ± c/2, c being its extent along the reciprocal lattice vectors.  Cells of a
mesh share corners: with k = (p + o) c, p whole numbers and o the same for all of the mesh, the corners are (p + o ± ½) c,
and p counts modulo 1/c.  Each is diagonalised once and kept for the cells that follow, as long as there is room.

What a corner's energies are, to the last bit, depends on the corner alone, not on those diagonalised with it.  So a result
does not depend on how k points are shared between processes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..occupations import CORNERS

_MOST_NUMBERS = 2**21  # energies kept: 16 MB
_DIGITS = 9  # to which o is given, and 1/c is a whole number


class CornerEnergies:
    """Energies at the corners of cells, kept for the cells that follow."""

    def __init__(self):
        self._mesh = None

    def __call__(
        self, band_energies: Callable[[np.ndarray], np.ndarray], kpoints: np.ndarray, cell: np.ndarray
    ) -> np.ndarray:
        """Energies at the corners.

        Parameters
        ----------
        band_energies : callable
            Band energies (q, n), eV, of k points (q, 3); the same in every call.
        kpoints : float array (k, 3)
            Reduced coordinates.
        cell : float array (3,)
            Extent of the cell of every one of them, reduced coordinates.

        Returns
        -------
        float array (k, 8, n)
            eV; corners in the order of `wb_conserved.occupations.tetrahedra.CORNERS`.
        """
        cell = np.asarray(cell, dtype=float)
        position = kpoints / cell
        origin = np.round(position[0] % 1, _DIGITS) % 1
        whole, period = np.rint(position - origin), np.rint(1 / cell)
        largest_error = np.abs(position - origin - whole).max()
        if largest_error > 10 * 10.0**-_DIGITS or np.abs(period * cell - 1).max() > 10.0**-_DIGITS:
            corners = kpoints[:, None, :] + (CORNERS - 0.5) * cell  # no mesh
            return band_energies(corners.reshape(-1, 3)).reshape(len(kpoints), 8, -1)
        n_y, n_z = int(period[1]), int(period[2])
        index = ((whole[:, None, :] + CORNERS) % period).astype(np.int64)
        number = (index[..., 0] * n_y + index[..., 1]) * n_z + index[..., 2]
        needed, place = np.unique(number, return_inverse=True)

        def compute(numbers):
            corners = np.stack([numbers // (n_y * n_z), numbers // n_z % n_y, numbers % n_z], axis=1)
            return band_energies((corners + origin - 0.5) / period)

        mesh = (*origin, *period)
        energies = self._remembered(mesh, needed, compute)
        return energies[place.reshape(number.shape)]

    def _remembered(self, mesh, numbers, compute):
        """Energies of numbered corners: row number % rows of a table, where that row still holds the number."""
        if self._mesh != mesh:
            first = compute(numbers[:1])
            rows = max(1, int(min(np.prod(mesh[3:]), _MOST_NUMBERS // first.shape[1])))
            self._mesh, self._numbers = mesh, np.full(rows, -1)
            self._table = np.empty((rows, first.shape[1]))
        row = numbers % len(self._numbers)
        energies = self._table[row]
        missing = self._numbers[row] != numbers
        if missing.any():
            energies[missing] = compute(numbers[missing])
            self._numbers[row[missing]] = numbers[missing]
            self._table[row[missing]] = energies[missing]
        return energies
