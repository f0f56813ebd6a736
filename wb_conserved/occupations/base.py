"""What a statistics promises to the calculators: the protocol, and bands on its energy axis.

The k loop adds per-band quantities to an energy axis; levels and temperatures enter once, at the end, so that the cost of the
loop does not depend on their number.  A weight (a Fermi sea, a grand potential, ...) is made of one or more moments of the
energy spectrum, each a sparse matrix from bands to nodes of the axis:

    moment      S_j = Σ_n m_jn X_n          `Placement.add`, linear in X: added up over all k points
    weight      Σ_n w(ε̄_n) X_n = Σ_j c_j S_j, summed over the moments of the weight          `Statistics.weigh`

Which moments a weight has, how bands are placed, and how the spectra are weighed is known to the statistics alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import sparse

from .. import compiled
from ..errors import InputError
from ..geometry import Multiplets

_TOGETHER = 64  # nodes whose weights are found at a time


class States(Protocol):
    """What a statistics sees of a batch of k points, see `wb_conserved.calculators.band_geometry.BandGeometry`.

    Attributes
    ----------
    energies : float array (k, n)
        Of the bands, ascending, eV.
    multiplets : Multiplets
    """

    energies: np.ndarray
    multiplets: Multiplets

    def corner_energies(self) -> np.ndarray:
        """Band energies (k, 8, n) at the corners of the cell of each k point, eV."""

    def remember(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Result of `compute`, evaluated once per batch and key."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Bands of a batch of k points on an energy axis, a sparse matrix by columns.

    Attributes
    ----------
    starts : int array (k n + 1,)
        Where the entries of each band begin.
    nodes, weights : arrays (entries,)
        Node that the band is added to, and its weight there.
    bands : int array
        Which of the (k n) bands these are.
    """

    starts: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    bands: np.ndarray

    def add(self, values: np.ndarray, spectrum: np.ndarray, factor: float = 1.0) -> None:
        """Add per-band values (k, n, ...) times a factor to a spectrum (n_nodes, ...), in place."""
        values = values.reshape(values.shape[0] * values.shape[1], -1)
        target = spectrum.reshape(len(spectrum), -1)
        if compiled.enabled():
            from ..compiled import occupation  # imports numba

            occupation.add(self.starts, self.nodes, self.weights, self.bands, values, float(factor), target)
            return
        nodes, matrix = self._of_touched
        target[nodes] += factor * (matrix @ values[self.bands])

    @cached_property
    def _of_touched(self):
        """Nodes that any band is added to, and their rows of the matrix."""
        nodes, place = np.unique(self.nodes, return_inverse=True)
        return nodes, sparse.csc_array((self.weights, place, self.starts), shape=(len(nodes), len(self.starts) - 1))

    def times(self, factors: np.ndarray) -> Spread:
        """The same with each band's entries times its factor (k n,)."""
        of_entries = np.repeat(factors.reshape(-1)[self.bands], np.diff(self.starts))
        return Spread(self.starts, self.nodes, self.weights * of_entries, self.bands)

    def of_bands(self, node_weights: np.ndarray, number: int) -> np.ndarray:
        """Weights of `number` bands from those of the nodes (n_nodes,): the transpose of the matrix, (number,)."""
        result = np.zeros(number)
        columns = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        sums = np.bincount(columns, self.weights * node_weights[self.nodes], minlength=len(self.starts) - 1)
        np.add.at(result, self.bands, sums)
        return result


class Placement:
    """Bands of a batch on the axis of a statistics.

    Parameters
    ----------
    states : States
    spread : callable
        `Spread` of a moment by its name.
    """

    def __init__(self, states: States, spread: Callable[[str], Spread]):
        self._spread, self._spreads = spread, {}
        self._shape = states.energies.shape

    def spread(self, moment: str) -> Spread:
        """Matrix of a moment, made once."""
        if moment not in self._spreads:
            self._spreads[moment] = self._spread(moment)
        return self._spreads[moment]

    def add(self, moment: str, values: np.ndarray, spectrum: np.ndarray, factor: float = 1.0) -> None:
        """Add per-band values (k, n, ...) times a factor to the spectrum (n_nodes, ...) of a moment, in place."""
        self.spread(moment).add(values, spectrum, factor)

    def of_bands(self, moment: str, node_weights: np.ndarray) -> np.ndarray:
        """Σ_j c_j m_jn for weights c of the nodes (n_nodes,): what each band contributes per unit of X, (k, n)."""
        return self.spread(moment).of_bands(node_weights, int(np.prod(self._shape))).reshape(self._shape)


class Statistics(ABC):
    """Occupation of levels for a scan.

    Attributes
    ----------
    name : str
    weights : tuple of str
        Names of the weights that there are.
    of_bands : tuple of str
        Those of sums over all states below a level for which `band_weights` is known, so that the contributions of single
        k points can be watched.
    scan : dict of str to float array
        Axes of the results and their values, in order, eV.
    coordinates : dict of str to (str, float array)
        Further values along an axis of the scan, by name: axis and values.
    n_nodes : int
        Length of the energy axis.
    key : hashable
        Equal for statistics with the same energy axis.
    """

    name: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    of_bands: ClassVar[tuple[str, ...]] = ()
    scan: Mapping[str, np.ndarray]
    coordinates: Mapping[str, tuple[str, np.ndarray]] = {}
    n_nodes: int
    key: Hashable

    @abstractmethod
    def moments(self, weight: str) -> tuple[str, ...]:
        """Names of the moments that a weight is made of."""

    @abstractmethod
    def place(self, states: States) -> Placement:
        """Bands of a batch of k points on the energy axis."""

    @abstractmethod
    def weigh(self, weight: str, spectra: Sequence[np.ndarray]) -> np.ndarray:
        """Weighted sums over bands.

        Parameters
        ----------
        weight : str
        spectra : sequence of float arrays (n_nodes, ...)
            One for each of `moments`, of all k points.

        Returns
        -------
        float array (*scan, ...)
        """

    def place_of(self, level: float | None) -> tuple[int, ...]:
        """One place of the scan, an index for each axis: the Fermi level nearest to one, or the middle one; and the lowest
        temperature."""
        places = {"Efermi": lambda values: len(values) // 2 if level is None else int(np.abs(values - level).argmin())}
        return tuple(places.get(axis, np.argmin)(values) for axis, values in self.scan.items())

    def band_weights(self, weight: str, energies: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
        """Weight (one of `of_bands`) of each band by itself at one place of the scan, of the shape of its energies (eV)."""
        raise NotImplementedError(f"{self.name}: no weights of single bands")

    def check(self, weight: str) -> None:
        """Refuse a weight that there is not.

        Raises
        ------
        ValueError
            With those that there are.
        """
        if weight not in self.weights:
            raise InputError("weight", f"one of {', '.join(self.weights)} with {self.name}", repr(weight))

    def node_weights(self, weight: str) -> list[np.ndarray]:
        """What each node of each moment counts, (*scan, n_nodes): `weigh` as matrices."""
        moments = self.moments(weight)
        result = []
        for which in range(len(moments)):
            parts = []
            for first in range(0, self.n_nodes, _TOGETHER):
                nodes = np.arange(first, min(first + _TOGETHER, self.n_nodes))
                spectra = [np.zeros((self.n_nodes, len(nodes))) for _ in moments]
                spectra[which][nodes, np.arange(len(nodes))] = 1.0
                parts.append(self.weigh(weight, spectra))
            result.append(np.concatenate(parts, axis=-1))
        return result


def level_array(levels) -> np.ndarray:
    """Fermi levels as an array.

    Raises
    ------
    ValueError
        Not a one-dimensional array of finite numbers.
    """
    levels = np.asarray(levels, dtype=float)
    if levels.ndim != 1 or levels.size == 0 or not np.all(np.isfinite(levels)):
        raise InputError("Efermi", "a number or a one-dimensional array of finite numbers (eV)", repr(levels))
    return levels
