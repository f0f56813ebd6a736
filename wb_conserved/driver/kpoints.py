"""WannierBerri's K points of a grid, made when they are asked for.

A mesh of 10⁸ k points has some 10⁵ K points.  As objects they take seconds and gigabytes on every rank; as integers they
take neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from wannierberri.grid import Grid
from wannierberri.grid.Kpoint import KpointBZparallel


class KPoints(Sequence):
    """K points of a `wannierberri.Grid` with their factors, the same as ``grid.get_K_list`` lists, in its order.

    An item is a new ``KpointBZparallel`` with its factor.

    Parameters
    ----------
    grid : wannierberri.Grid
    use_symmetry : bool
        Keep one of the K points that the point group of the grid relates; its factor counts them all.
    """

    def __init__(self, grid: Grid, use_symmetry: bool):
        self._grid = grid
        self._div, self._fft = (np.array(numbers, dtype=np.int64) for numbers in (grid.div, grid.FFT))
        number = int(np.prod(self._div))
        if use_symmetry and grid.pointgroup.size > 1:
            self._positions, counts = _irreducible(grid.pointgroup, self._div)
        else:
            self._positions, counts = None, np.ones(number, dtype=np.int64)
        self._factors = counts / number

    def __len__(self):
        return len(self._factors)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        flat = index if self._positions is None else int(self._positions[index])
        factor = float(self._factors[index])
        Kpoint = KpointBZparallel(
            K=np.array(np.unravel_index(flat, self._div)) * (1.0 / self._div),
            dK=1.0 / self._div,
            NKFFT=self._fft,
            factor=factor,
            pointgroup=self._grid.pointgroup,
            refinement_level=0,
        )
        return Kpoint, factor


def kpoints_of_grid(grid, use_symmetry: bool) -> Sequence[tuple[Any, float]]:
    """K points of a grid and their factors.

    Parameters
    ----------
    grid : wannierberri grid
    use_symmetry : bool
        Keep one of the K points that symmetry relates.

    Returns
    -------
    sequence of (wannierberri K point, float)
        `KPoints` of a ``wannierberri.Grid``; what another class of grid lists.
    """
    if type(grid) is Grid:
        return KPoints(grid, use_symmetry)
    return [(Kpoint, Kpoint.factor) for Kpoint in grid.get_K_list(use_symmetry=use_symmetry)]


def contents(Kpoints: Sequence[tuple[Any, float]]) -> list:
    """Arrays that tell which K points these are, with their factors."""
    if isinstance(Kpoints, KPoints):
        return [Kpoints._div, Kpoints._fft, Kpoints._positions, Kpoints._factors]
    return [(np.asarray(Kpoint.K), Kpoint.NKFFT, factor) for Kpoint, factor in Kpoints]


def _irreducible(pointgroup, div):
    """Flat positions of one K point of each star, the first one with the third coordinate slowest; and the stars' sizes."""
    positions = np.stack(np.unravel_index(np.arange(np.prod(div)), div), axis=1)
    third_slowest = np.array([1, div[0], div[0] * div[1]])
    first = positions @ third_slowest
    for operation in pointgroup.symmetries:
        matrix = operation.transform_reduced_vector(np.eye(3), pointgroup.recip_lattice)
        images = np.rint(positions @ (matrix / div[:, None] * div)).astype(np.int64) % div
        np.minimum(first, images @ third_slowest, out=first)
    kept, counts = np.unique(first, return_counts=True)
    third, rest = np.divmod(kept, div[0] * div[1])
    second, one = np.divmod(rest, div[0])
    flat = np.ravel_multi_index((one, second, third), div)
    order = np.argsort(flat)
    return flat[order], counts[order]
