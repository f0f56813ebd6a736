"""Energy axes that bands are added to, each band as a few entries of a sparse matrix (`Spread`).

`StepAxis`: the nodes are the intervals between sorted levels at which a step occurs; sums over steps are exact.

`SmoothAxis`: the nodes are points, and a band is spread over the ten around it with the weights of Lagrange interpolation.
Σ_j S_j w(ε_j) is then Σ_n X_n w̃(ε_n), w̃ the interpolant of w.  For a function of (ε − μ)/kT without singularity nearer than
the poles of the Fermi function, and nodes kT/6 apart, it differs from w by less than 1e-9: bands a few meV apart with large
opposite X keep their cancellation, which rounding of energies to a coarse scan destroys.  For several temperatures the
axis is made of pieces: what is farther than 32 kT from the levels of a temperature is the same for it wherever it is, and
needs the distance kT/6 of a higher one only, so that the number of nodes grows with the number of temperatures, not
with their ratio.  At the end the spectrum is moved to the axis of each temperature, with nodes kT/6 apart throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .. import compiled
from .base import Spread

NODES_PER_KT = 6
STENCIL = 10
TAIL = 32.0
"""A weight differs from its limit by about exp(-32) = 1e-14 farther than this many kT from the level."""
_TOGETHER = 0.5  # distance of levels that are treated together, of the reach of a weight


class StepAxis:
    """Intervals between levels; node 0 is below the first, what lies above the last is left out.

    Parameters
    ----------
    levels : float array
        At which steps occur, eV; a band at a level is below it.
    """

    def __init__(self, levels: np.ndarray):
        self.levels = np.unique(levels)
        self.n_nodes = len(self.levels) + 1
        self.key = ("steps", self.levels.tobytes())

    def spread(self, energies: np.ndarray) -> Spread:
        """Bands (b,) on the nodes."""
        every = np.arange(energies.size)
        if compiled.enabled():
            from ..compiled import occupation  # imports numba

            return Spread(*occupation.steps(energies, self.levels), every)
        relevant = energies <= self.levels[-1]
        nodes = np.searchsorted(self.levels, energies[relevant], side="left")
        return Spread(np.concatenate([[0], np.cumsum(relevant)]), nodes, np.ones(len(nodes)), every)

    def below(self, spectrum: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Sums (level, ...) over all bands up to some of the levels."""
        return np.cumsum(spectrum, axis=0)[np.searchsorted(self.levels, levels, side="left")]


@dataclass(frozen=True)
class Window:
    """What a temperature asks of an axis.

    Attributes
    ----------
    low, high : float
        Lowest and highest level, eV; below `low` − 32 kT and above `high` + 32 kT a weight is constant.
    kBT : float
        eV.
    """

    low: float
    high: float
    kBT: float


@dataclass(frozen=True, eq=False)
class _Piece:
    """Equidistant nodes for the bands between two energies.

    Attributes
    ----------
    start, stop : float
        Energies of its bands, eV; `stop` excluded.
    kBT : float
        Temperature that sets the distance of the nodes.
    levels : float array
        The nodes, some beyond the ends, eV.
    first : int
        Place of the first node on the axis.
    """

    start: float
    stop: float
    kBT: float
    levels: np.ndarray
    first: int

    @property
    def spacing(self):
        return self.kBT / NODES_PER_KT

    @property
    def nodes(self):
        return slice(self.first, self.first + len(self.levels))


class SmoothAxis:
    """Points for weights that vary on the scale of a temperature; node 0 is all that lies below the first piece.

    Parameters
    ----------
    windows : sequence of Window
        One for each temperature.
    lowest : float, optional
        Energy below which there are no bands, eV; by default there may be any.
    """

    def __init__(self, windows: Sequence[Window], lowest: float = -np.inf):
        self._pieces = _pieces(sorted(windows, key=lambda window: window.kBT), lowest)
        last = self._pieces[-1]
        self.n_nodes = last.first + len(last.levels)
        self._bounds = np.array([*(piece.start for piece in self._pieces), last.levels[-1]])
        self._origins = np.array([piece.levels[0] for piece in self._pieces])
        self._spacings = np.array([piece.spacing for piece in self._pieces])
        self._firsts = np.array([piece.first for piece in self._pieces], dtype=np.int64)
        self._counts = np.array([len(piece.levels) for piece in self._pieces], dtype=np.int64)
        self.key = ("points", self._bounds.tobytes(), self._spacings.tobytes())

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes, eV; −∞ of node 0."""
        return np.concatenate([[-np.inf], *(piece.levels for piece in self._pieces)])

    def spread(self, energies: np.ndarray) -> Spread:
        """Bands (b,) on the nodes."""
        every = np.arange(energies.size)
        if compiled.enabled():
            from ..compiled import occupation  # imports numba

            places = (self._bounds, self._origins, self._spacings, self._firsts, self._counts)
            return Spread(*occupation.points(energies, *places, STENCIL), every)
        relevant = energies <= self._bounds[-1]
        rows, weights = self._stencil(energies[relevant])
        starts = np.concatenate([[0], np.cumsum(relevant * rows.shape[1])])
        return Spread(starts, rows.ravel(), weights.ravel(), every)

    def _stencil(self, energies):
        """Nodes (band, stencil) that each band is added to, and the weights."""
        piece = np.searchsorted(self._bounds[1:-1], energies, side="right")
        position = (energies - self._origins[piece]) / self._spacings[piece]
        first = np.clip(np.floor(position).astype(int) - (STENCIL // 2 - 1), 0, self._counts[piece] - STENCIL)
        weights = _lagrange_weights(np.clip(position - first, 0.0, None))
        rows = (first + self._firsts[piece])[:, None] + np.arange(STENCIL)
        below = energies < self._bounds[0]
        rows[below] = np.arange(STENCIL)
        weights[below] = 0.0
        weights[below, 0] = 1.0
        return rows, weights

    def moved_to(self, other: SmoothAxis, spectrum: np.ndarray) -> np.ndarray:
        """The spectrum on the axis of one of the temperatures, each node as a band there.

        Pieces of higher temperatures, whose nodes are too far apart for it, lie outside of what it needs: wholly below, where
        bands count alike wherever they are, or above.
        """
        (target,) = other._pieces
        moved = np.zeros((other.n_nodes, *spectrum.shape[1:]))
        fine = [piece for piece in self._pieces if piece.kBT <= target.kBT]
        levels = np.concatenate([piece.levels for piece in fine])
        other.spread(levels).add(np.concatenate([spectrum[piece.nodes] for piece in fine])[None], moved)
        moved[0] += spectrum[0]
        for piece in self._pieces:
            if piece.kBT > target.kBT and piece.stop <= target.start:
                moved[0] += spectrum[piece.nodes].sum(axis=0)
        return moved

    def convolve(
        self,
        spectrum: np.ndarray,
        kernel: Callable[[np.ndarray], np.ndarray],
        kBT: float,
        levels: np.ndarray,
        below: Callable[..., np.ndarray] | None = None,
        summed: Sequence[np.ndarray] = (),
    ) -> np.ndarray:
        """Σ_j kernel((ε_j − μ)/kT) S_j for each level μ, (level, ...); of one temperature.

        Nodes in reach of a level count with the kernel, those above with nothing, and those below with `below`, if given: a
        function of levels (level, 1) and of the sum over these nodes of each of `summed`, flat.
        """
        (piece,) = self._pieces
        flat = spectrum.reshape(self.n_nodes, -1)
        result = np.empty((len(levels), flat.shape[1]))
        reach = int(np.ceil(TAIL * kBT / piece.spacing)) + 1
        centre = np.searchsorted(piece.levels, levels)
        order, start, before = np.argsort(centre), 0, 0
        summed = [values.reshape(self.n_nodes, -1) for values in summed]
        sums = [0.0] * len(summed)
        while start < len(order):  # neighbouring levels, which have most nodes in common
            near = centre[order[start:]] <= centre[order[start]] + _TOGETHER * reach
            part = order[start : start + np.count_nonzero(near)]
            start += len(part)
            first, last = max(0, centre[part[0]] - reach), min(centre[part[-1]] + reach + 1, len(piece.levels))
            argument = np.subtract.outer(-levels[part], -piece.levels[first:last])
            argument /= kBT
            result[part] = kernel(argument) @ flat[piece.first + first : piece.first + last]
            if below is not None:
                new = slice(before, piece.first + first)
                sums = [so_far + values[new].sum(axis=0) for so_far, values in zip(sums, summed, strict=True)]
                before = new.stop
                result[part] += below(levels[part, None], *sums)
        return result.reshape(len(levels), *spectrum.shape[1:])

    def sum(self, spectrum: np.ndarray, kernel: Callable[[np.ndarray], np.ndarray], kBT: float) -> np.ndarray:
        """Σ_j kernel(ε_j/kT) S_j over all nodes of the pieces that a temperature needs."""
        total = 0.0
        for piece in self._pieces:
            if piece.kBT <= kBT:
                total = total + np.tensordot(kernel(piece.levels / kBT), spectrum[piece.nodes], axes=1)
        return total


def _pieces(windows, lowest):
    """Pieces of the axis, in the order of their energies; those of low temperatures lie within those of higher ones."""
    covered = []  # (start, stop, kBT), disjoint and ascending
    for window in windows:
        margin = TAIL * window.kBT
        covered = _covering(covered, max(window.low - margin, lowest), window.high + margin, window.kBT)
    pieces, first = [], 1
    for start, stop, kBT in covered:
        spacing = kBT / NODES_PER_KT
        more = STENCIL * spacing
        # whole multiples of the distance, whatever the levels
        nodes = spacing * np.arange(np.floor((start - more) / spacing), np.ceil((stop + more) / spacing) + 1)
        pieces.append(_Piece(start, stop, kBT, nodes, first))
        first += len(nodes)
    return pieces


def _covering(covered, start, stop, kBT):
    """Intervals that cover one more, new ones with this temperature where there were none, and no gap between them."""
    if not covered:
        return [(start, stop, kBT)]
    result, edge = [], min(start, covered[0][0])
    for old in covered:
        if old[0] > edge:
            result.append((edge, old[0], kBT))
        result.append(old)
        edge = old[1]
    if stop > edge:
        result.append((edge, stop, kBT))
    return result


def _lagrange_weights(offset):
    """Weights (band, stencil) of Lagrange interpolation at `offset` (band,) from the nodes 0, 1, ..., STENCIL − 1."""
    nodes = np.arange(STENCIL)
    distance = offset[:, None] - nodes
    others = ~np.eye(STENCIL, dtype=bool)
    numerator = np.prod(np.where(others, distance[:, None, :], 1.0), axis=2)
    denominator = np.prod(np.where(others, nodes[:, None] - nodes, 1), axis=1)
    return numerator / denominator
