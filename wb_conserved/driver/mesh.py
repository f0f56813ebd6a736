"""The k mesh in batches and chunks.

A batch is what is treated together: as many k points as stay in the cache, of one of WannierBerri's K points.  A chunk is
a few consecutive batches: what is summed, handed out and stored as one.  Neither depends on the number of ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.grid import Path

from ..interpolation.bloch import batch_slices

_MOST_CHUNKS = 2**15  # ten for each of some thousand ranks; a list of them is still short
_BATCHES = 32  # of a chunk, where there are many: a few tenths of a second, against which storing it costs little
_FEW_CHUNKS = 256  # below that, chunks are smaller,
_WORK = 1e7  # but not smaller than these k points × cubed numbers of functions, some hundredths of a second,
_OVERHEAD = 100  # in the same units, per k point
_FEWEST_CHUNKS = 64  # unless there would be fewer than that


@dataclass(frozen=True)
class Batch:
    """K points of the mesh that are treated together, and the weight of their sum."""

    Kpoint: Any
    kpoints: np.ndarray
    weight: float


class Mesh:
    """K points of a grid or path in batches and chunks.

    Parameters
    ----------
    grid : wannierberri.Grid or wannierberri.Path
    Kpoints : sequence of (wannierberri K point, float)
        WannierBerri's K points and their factors.
    num_wann : int
        Number of Wannier functions.
    largest_batch : int, optional
        Largest number of k points in a batch.
    whole : bool
        Chunks are single K points, as refinement needs them.

    Attributes
    ----------
    chunk_size : int
        Batches of a chunk.
    number_of_batches, number_of_chunks : int
    """

    def __init__(self, grid, Kpoints, num_wann: int, largest_batch: int | None = None, whole: bool = False):
        self._Kpoints = Kpoints
        self._path = isinstance(grid, Path)
        self._grid_shape = None if self._path else tuple(int(n) for n in grid.FFT)
        self._slices = None if self._path else batch_slices(self._grid_shape, num_wann, largest_batch)
        self._parts = 1 if self._path else len(self._slices)
        self.number_of_batches = len(Kpoints) * self._parts
        if whole:
            size = self._parts
        else:
            number = self.number_of_batches
            quick = math.ceil(_WORK / (self.largest_batch * (num_wann**3 + _OVERHEAD)))
            size = max(
                min(_BATCHES, number // _FEW_CHUNKS), min(quick, number // _FEWEST_CHUNKS), -(-number // _MOST_CHUNKS), 1
            )
        self.chunk_size = size
        self.number_of_chunks = -(-self.number_of_batches // size)

    @staticmethod
    def path_batch(number_of_kpoints: int, num_wann: int) -> int:
        """Number of k points of a path to treat together."""
        return batch_slices((1, 1, number_of_kpoints), num_wann)[0].stop

    @property
    def number_of_kpoints(self) -> int:
        """K points evaluated, of all batches."""
        if self._path:
            return sum(len(Kpoint.K) for Kpoint, _ in self._Kpoints)
        return len(self._Kpoints) * int(np.prod(self._grid_shape))

    @property
    def largest_batch(self) -> int:
        """Largest number of k points in a batch."""
        if self._path:
            return max(len(Kpoint.K) for Kpoint, _ in self._Kpoints)
        return self._slices.largest

    def batch(self, index: int) -> Batch:
        """A batch by its number."""
        Kpoint, factor = self._Kpoints[index // self._parts]
        if self._path:
            return Batch(Kpoint, Kpoint.K, factor)
        part = self._slices[index % self._parts]
        positions = np.stack(np.unravel_index(np.arange(part.start, part.stop), self._grid_shape), axis=1)
        kpoints = (positions / self._grid_shape + Kpoint.Kp_fullBZ) % 1
        return Batch(Kpoint, kpoints, factor * len(kpoints) / np.prod(self._grid_shape))

    def chunk(self, index: int) -> list[Batch]:
        """Batches of a chunk, in order."""
        first = index * self.chunk_size
        return [self.batch(i) for i in range(first, min(first + self.chunk_size, self.number_of_batches))]
