"""Linear tetrahedron integration over the cells of a k mesh, at zero temperature.

The parallelepiped around a k point is cut into twelve tetrahedra of equal volume: the k point itself and half of a face,
each face being cut along the diagonal from its corner (0, 0) to its corner (1, 1).  The energy is linear in each, so that
with the energies e1 ≤ e2 ≤ e3 ≤ e4 of its vertices, e_ij = e_i − e_j, the occupied fraction of the volume is

    w(μ) = 0                                                                                         μ < e1
           (μ − e1)³ / (e21 e31 e41)                                                           e1 ≤ μ < e2
           [ e21² + 3 e21 (μ − e2) + 3 (μ − e2)² − (e31 + e42) (μ − e2)³ / (e32 e42) ] / (e31 e41)   e2 ≤ μ < e3
           1 − (e4 − μ)³ / (e41 e42 e43)                                                       e3 ≤ μ < e4
           1                                                                                   e4 ≤ μ

(G. Lehmann and M. Taut, Phys. Status Solidi B 54, 469 (1972); P. E. Blöchl et al., Phys. Rev. B 49, 16223 (1994),
appendix C.)  A band's weights are the mean over the twelve:

    Fermi sea         w(μ)
    Fermi surface     ∂w/∂μ, 1/eV
    grand potential   −∫_{−∞}^μ w(μ') dμ', eV: the mean of (ε − μ) θ(μ − ε) over the cell

Vertices that coincide need no care: a piece whose two ends coincide contains no Fermi level, and all terms of the others
are, at a Fermi level, products of ratios of order 1, times 1/e41 for the surface.  Four that coincide are a step: its surface
weight, a delta function, is 0 at every Fermi level, that of the step itself included; the sea weight contains it.

Between the nine energies of a cell, sorted, w is one cubic polynomial (`cell_polynomials`), the sum of those of the
tetrahedra; the Fermi levels between the lowest and the highest meet one polynomial each, whatever their number.

Multiplets: each band has the weight of its own energies, n-th vertex energy to n-th band, and a multiplet the mean of its
bands' weights.  Occupied sums are then traces over multiplets, as Σ_n∈M w̄_M X_n = w̄_M tr_M X.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import compiled
from ..errors import InputError
from .base import Placement, Spread, Statistics
from .fermi import ALL_HEAT, step_weights
from .scan import Scan

CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
"""Corners of a cell, (8, 3), in the order in which their energies are given: 0 the lower, 1 the upper end."""


def _face_halves():
    """Corners of the half face of each tetrahedron, (12, 3)."""
    halves = []
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        for end in (0, 1):
            corner = {(CORNERS[i, first], CORNERS[i, second]): i for i in range(8) if CORNERS[i, axis] == end}
            halves += [(corner[0, 0], corner[middle], corner[1, 1]) for middle in ((0, 1), (1, 0))]
    return np.array(halves)


FACE_HALVES = _face_halves()
_VERTICES = np.concatenate([np.zeros((12, 1), dtype=int), 1 + FACE_HALVES], axis=1)  # of the k point and the corners
_TOGETHER = 256  # bands, for arrays that stay in the cache
_COINCIDENT = 1e-90  # eV; a distance of energies whose inverse cube is still a number
_SHARES = np.bincount(_VERTICES.ravel(), minlength=9) / _VERTICES.size  # of each energy in the mean over the cell


def _ascending(a, b, c, d):
    """Four arrays, sorted element by element."""
    a, b = np.minimum(a, b), np.maximum(a, b)
    c, d = np.minimum(c, d), np.maximum(c, d)
    a, c = np.minimum(a, c), np.maximum(a, c)
    b, d = np.minimum(b, d), np.maximum(b, d)
    return a, np.minimum(b, c), np.maximum(b, c), d


def _inverse(difference):
    """Its inverse, 0 where it vanishes."""
    return 1.0 / np.where(difference > _COINCIDENT, difference, np.inf)


def _tetrahedron_pieces(e1, e2, e3, e4):
    """The five pieces of w of tetrahedra, each as Σ_j p_j (μ − r)^j.

    Parameters
    ----------
    e1, e2, e3, e4 : float arrays (...)
        Energies of the vertices in ascending order, eV.

    Returns
    -------
    r, p_0, p_1, p_2, p_3 : float arrays (5, ...)
        Finite also where a piece has no extent.
    """
    i31, i32, i41, i42 = _inverse(e3 - e1), _inverse(e3 - e2), _inverse(e4 - e1), _inverse(e4 - e2)
    e21, slope, zero, one = e2 - e1, 3 * i31 * i41, np.zeros_like(e1), np.ones_like(e1)
    return (
        np.stack([zero, e1, e2, e4, zero]),
        np.stack([zero, zero, (e21 * i31) * (e21 * i41), one, one]),
        np.stack([zero, zero, e21 * slope, zero, zero]),
        np.stack([zero, zero, slope, zero, zero]),
        np.stack([zero, _inverse(e21) * i31 * i41, -(i31 + i42) * i32 * i41, _inverse(e4 - e3) * i41 * i42, zero]),
    )


def cell_polynomials(energies: np.ndarray):
    """Occupied fraction of a cell as a polynomial between neighbouring energies.

    Parameters
    ----------
    energies : float array (9, b)
        Energies of a band at the k point and at the `CORNERS` of its cell, eV.

    Returns
    -------
    knots : float array (b, 9)
        The energies in ascending order, eV.
    coefficients : float array (4, b, 9)
        w = Σ_j coefficients[j] (μ − knots[q])^j for knots[q] ≤ μ < knots[q + 1], the last one for all higher μ; in
        eV^−j.  Without meaning in an interval without extent.
    """
    if compiled.enabled():
        from ..compiled import tetrahedra  # imports numba

        return tetrahedra.cell_polynomials(energies, _VERTICES)
    starts = range(0, max(1, energies.shape[1]), _TOGETHER)
    parts = [_polynomials_of_some(energies[:, start : start + _TOGETHER]) for start in starts]
    return np.concatenate([knots for knots, _ in parts]), np.concatenate([c for _, c in parts], axis=1)


def _polynomials_of_some(energies):
    n_bands = energies.shape[1]
    order = np.argsort(energies, axis=0) * n_bands + np.arange(n_bands)  # places in the raveled array
    knots = energies.ravel().take(order)
    rank = np.empty((9, n_bands), dtype=np.int8)
    rank.ravel()[order] = np.arange(9)[:, None]
    energies_of = _ascending(*energies[_VERTICES.T])  # the four vertices, each (tetrahedron, band)
    ranks_of = _ascending(*rank[_VERTICES.T])

    # the piece of each tetrahedron that an interval (interval, tetrahedron, band) belongs to, about the interval's start
    interval = np.arange(8, dtype=np.int8).reshape(8, 1, 1)
    piece = sum((interval >= rank).view(np.int8) for rank in ranks_of)
    place = piece * np.int64(12 * n_bands)
    place += np.arange(12 * n_bands).reshape(12, n_bands)
    r, p0, p1, p2, p3 = (p.ravel().take(place) for p in _tetrahedron_pieces(*energies_of))
    x = knots[:8, None] - r
    x3 = p3 * x
    coefficients = np.zeros((4, n_bands, 9))
    for j, terms in enumerate((p0 + x * (p1 + x * (p2 + x3)), p1 + x * (2 * p2 + 3 * x3), p2 + 3 * x3, p3)):
        coefficients[j, :, :8] = terms.sum(axis=1).T
    coefficients /= 12
    coefficients[0, :, 8] = 1.0
    return knots.T, coefficients


class TetrahedronWeights:
    """Weights of some bands at all Fermi levels, on the nodes of `Tetrahedra`.

    Parameters
    ----------
    levels : float array (n_levels,)
        Fermi levels in ascending order, each once, eV.
    energies : float array (9, b)
        Energies of each band at the k point and at the corners of its cell, eV.

    Attributes
    ----------
    bands : int array
        Bands that have a weight, first those with Fermi levels between their energies, then those without.
    """

    def __init__(self, levels: np.ndarray, energies: np.ndarray):
        self._levels, n_levels = levels, len(levels)
        start, stop = np.searchsorted(levels, [energies.min(axis=0), energies.max(axis=0)])
        crossing, stepping = np.flatnonzero(start < stop), np.flatnonzero((start == stop) & (start < n_levels))
        self.bands = np.concatenate([crossing, stepping])
        self._crossing, self._stop = len(crossing), stop[self.bands].astype(np.int32)
        self._mean = _SHARES @ energies[:, self.bands]
        self._knots, self._coefficients = cell_polynomials(energies[:, crossing])
        # nodes of each crossing band from the first Fermi level above its lowest energy to the first above its highest
        self._first = np.searchsorted(levels, self._knots)

    @cached_property
    def _nodes(self):
        """Number of nodes of each crossing band; the interval between knots, node and distance from the knot of each."""
        count = np.diff(self._first, axis=1, append=self._first[:, -1:] + 1).ravel()
        interval = np.repeat(np.arange(count.size), count)
        node = np.arange(interval.size, dtype=np.int32)
        node += np.repeat((self._first.ravel() - (np.cumsum(count) - count)).astype(np.int32), count)
        distance = self._levels.take(node, mode="clip") - np.repeat(self._knots, count)
        return count.reshape(-1, 9).sum(axis=1), interval, node, distance

    def _entries(self, coefficients, last, steps):
        """Where the entries of each crossing band begin, nodes, and Σ_j coefficients[j] (μ − knots)^j there, or its steps
        from one node to the next; coefficients (j, band, interval), and `last` at the last node of each band."""
        if compiled.enabled():
            from ..compiled import tetrahedra  # imports numba

            return tetrahedra.entries(self._levels, self._first, self._knots, coefficients, last, steps)
        number, interval, node, distance = self._nodes
        *lower, highest = (c.ravel() for c in coefficients)
        values = highest.take(interval)
        for c in lower[::-1]:
            values = values * distance + c.take(interval)
        ends = np.cumsum(number)
        values[ends - 1] = last
        if steps:
            first = ends - number
            values[1:], values[first] = np.diff(values), values[first]
        return np.concatenate([[0], ends]), node, values

    def _steps(self, coefficients, full):
        """Sparse matrix whose cumulative sum over nodes is a polynomial, and `full` from a band's last node on."""
        starts, nodes, values = self._entries(coefficients, full[: self._crossing], True)
        return Spread(
            np.concatenate([starts, starts[-1] + np.arange(1, len(full) - self._crossing + 1, dtype=starts.dtype)]),
            np.concatenate([nodes, self._stop[self._crossing :]], dtype=nodes.dtype),
            np.concatenate([values, full[self._crossing :]]),
            self.bands,
        )

    @cached_property
    def sea(self) -> Spread:
        """Steps of w from one node to the next."""
        return self._steps(self._coefficients, np.ones(len(self.bands)))

    @cached_property
    def surface(self) -> Spread:
        """∂w/∂μ at each node, 1/eV."""
        slope = self._coefficients[1:] * np.array([1, 2, 3]).reshape(3, 1, 1)
        return Spread(*self._entries(slope, np.zeros(self._crossing), False), self.bands[: self._crossing])

    @cached_property
    def full(self) -> Spread:
        """Step from 0 to 1 at the node from which on a band is full."""
        number = len(self.bands)
        return Spread(np.arange(number + 1, dtype=np.int32), self._stop, np.ones(number), self.bands)

    @cached_property
    def grand_potential(self) -> Spread:
        """Steps of −∫w between a band's energies, and to its mean energy where it is full, eV."""
        length = np.diff(self._knots, axis=1, append=self._knots[:, -1:])
        c1, c2, c3, c4 = self._coefficients / np.arange(1, 5).reshape(4, 1, 1)
        gain = length * (c1 + length * (c2 + length * (c3 + length * c4)))
        return self._steps(-np.stack([np.cumsum(gain, axis=1) - gain, c1, c2, c3, c4]), self._mean)


class _MeanPlacement(Placement):
    """Bands of which each multiplet has the mean weight: Σ w̄ X = Σ w X̄."""

    def __init__(self, states, spread):
        super().__init__(states, spread)
        self._multiplets = states.multiplets

    def add(self, moment, values, spectrum, factor=1.0):
        super().add(moment, self._multiplets.mean(values.reshape(*values.shape[:2], -1)), spectrum, factor)

    def of_bands(self, moment, node_weights):
        return self._multiplets.mean(super().of_bands(moment, node_weights))


@dataclass(frozen=True, eq=False)
class Tetrahedra(Statistics):
    """Occupations by linear tetrahedra for a scan of Fermi levels, at zero temperature.

    The axis of nodes is made of the Fermi levels in ascending order, and one node above them.

    Parameters
    ----------
    scan_axes : Scan
        Of one temperature, 0.
    """

    scan_axes: Scan
    name = "tetrahedra"
    weights = ("sea", "surface", "grand_potential", "thermal_sea")
    of_bands = ("sea", "grand_potential", "thermal_sea")

    def __post_init__(self):
        if self.scan_axes.temperatures.tolist() != [0.0]:
            raise InputError("tetra", "kBT = 0 with tetrahedra", f"kBT = {self.scan_axes.temperatures.tolist()}")
        ascending, place = np.unique(self.scan_axes.levels, return_inverse=True)
        object.__setattr__(self, "_levels", ascending)
        object.__setattr__(self, "_place", place)

    @property
    def scan(self):
        return self.scan_axes.axes

    @property
    def coordinates(self):
        """What belongs to the scan, see `Statistics`."""
        return self.scan_axes.coordinates

    @property
    def n_nodes(self) -> int:
        return len(self._levels) + 1

    @property
    def key(self):
        return ("tetrahedra", self._levels.tobytes())

    def moments(self, weight):
        several = {"grand_potential": ("full", "grand_potential"), "thermal_sea": ("sea",)}
        return several.get(weight, (weight,))

    def place(self, states):
        # the same for all groupings of the bands
        weights = states.remember(self.key, lambda: self.cells(states.energies, states.corner_energies()))
        return _MeanPlacement(states, lambda moment: getattr(weights, moment))

    def band_weights(self, weight, energies, place):
        """That of the k point, whose cell is not looked at."""
        return step_weights(weight, energies - self.scan_axes.at(place)[1])

    def cells(self, energies: np.ndarray, corner_energies: np.ndarray) -> TetrahedronWeights:
        """Weights of the bands of a batch of k points.

        Parameters
        ----------
        energies : float array (k, n)
            Band energies in ascending order, eV.
        corner_energies : float array (k, 8, n)
            The same at the `CORNERS` of the cell of each k point.
        """
        k, n = energies.shape
        if corner_energies.shape != (k, 8, n):
            raise ValueError(f"corner_energies: expected the shape {(k, 8, n)}, found {corner_energies.shape}")
        together = np.concatenate([energies[None], corner_energies.swapaxes(0, 1)])
        return TetrahedronWeights(self._levels, together.reshape(9, -1))

    def weigh(self, weight, spectra):
        self.check(weight)
        return self.scan_axes.collect(lambda _, levels: getattr(self, f"_{weight}")(levels, *spectra))

    def _sea(self, levels, spectrum):
        return np.cumsum(spectrum, axis=0)[self._place]

    def _thermal_sea(self, levels, spectrum):
        return ALL_HEAT * self._sea(levels, spectrum)

    def _surface(self, levels, spectrum):
        return spectrum[self._place]

    def _grand_potential(self, levels, full, spectrum):
        return self._sea(levels, spectrum) - levels.reshape(-1, *(1,) * (full.ndim - 1)) * self._sea(levels, full)
