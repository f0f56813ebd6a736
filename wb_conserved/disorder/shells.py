"""States of multiplets near the energies of an axis, as scattering needs them.

First axes of arrays are r, a band of a k point, p, a multiplet, or q, a multiplet at a node of the axis; i are the functions of
the impurities, m the bands of the multiplet, a Cartesian directions, s components of the observable.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .energy_axis import EnergyAxis, at_nodes

_BLOCK = 2**15  # elements of a matrix that stays in the cache
_FEW = 0.5  # share of k points with shells, below which matrices are made for these alone


class Rows:
    """Matrices of a batch in the rows r of those bands that lie in shells, and of the bands between them.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    states : complex array (k, n, i)
        Eigenvectors on the functions of the impurities, with the phases exp(i k·(τ_i − r_0)).
    offsets : float array (i, a)
        τ_i − r_0, Å.
    first, number : int array (k,)
        The first band of each k point, and how many there are.

    Attributes
    ----------
    k, bands : int array (r,)
        Of each row.
    starts : int array (k,)
        Row of band 0, were it there.
    """

    def __init__(self, geometry, states: np.ndarray, offsets: np.ndarray, first: np.ndarray, number: np.ndarray):
        self._geometry, self.all_states, self._offsets = geometry, states, offsets
        self._first, self._number = first, number
        self.starts = np.cumsum(number) - number - first
        self.k = np.repeat(np.arange(len(number)), number)
        self.bands = np.arange(len(self.k)) - self.starts[self.k]

    @cached_property
    def states(self) -> np.ndarray:
        """(r, i)."""
        return self.all_states[self.k, self.bands]

    @cached_property
    def velocities(self) -> np.ndarray:
        """v (r, a, n), eV Å."""
        return self._geometry.velocity[self.k, self.bands]

    @cached_property
    def operators(self) -> np.ndarray:
        """The observable (r, s, n)."""
        return self._geometry.operator[self.k, self.bands]

    @cached_property
    def dressed(self) -> np.ndarray:
        """(D_aU)†, Å, and (δ_JU)†, the conventional current dressing it: (r, 3 + 3 s, i).

        D_aU = Σ_{m∉M} U_m v^a_mn/(ε_n − ε_m) + i (r^a − r_0^a) U, δ_JU = Σ_{m∉M} U_m J^{as}_mn/(ε_n − ε_m).
        """
        _, s, n = self.operators.shape
        result = np.empty((len(self.k), 3 + 3 * s, self.all_states.shape[2]), dtype=complex)
        for number in np.unique(self._number[self._number > 0]):
            kpoints = np.flatnonzero(self._number == number)
            step = max(1, _BLOCK // int(result.shape[1] * number * n))
            for some in range(0, len(kpoints), step):
                k = kpoints[some : some + step]
                rows = (self.starts + self._first)[k][:, None] + np.arange(number)
                result[rows] = self._dressed(k, rows)
        return result

    def _dressed(self, kpoints, rows):
        """The same of some k points, which have equally many rows (k, b)."""
        geometry, bands = self._geometry, self.bands[rows]
        energies, labels = geometry.energies[kpoints], geometry.multiplets.labels[kpoints]
        own = np.arange(len(kpoints))[:, None], bands
        difference = energies[own][:, :, None] - energies[:, None]
        difference[labels[own][:, :, None] == labels[:, None]] = np.inf
        v, s = self.velocities[rows], self.operators[rows]  # k b a n
        k, b, a, n = v.shape
        components = s.shape[2]
        from_others = np.empty((k, b, a + a * components, n), dtype=complex)
        from_others[:, :, :a] = v
        currents = from_others[:, :, a:].reshape(k, b, a, components, n)  # v s + s v, twice the current
        right = geometry.operator[kpoints].reshape(k, n, -1)
        np.copyto(currents, (v.reshape(k, b * a, n) @ right).reshape(currents.shape))
        right = geometry.velocity[kpoints].reshape(k, n, -1)
        currents += (s.reshape(k, -1, n) @ right).reshape(k, b, components, a, n).swapaxes(2, 3)
        gap = 1.0 / difference[:, :, None]
        from_others[:, :, :a] *= gap
        from_others[:, :, a:] *= 0.5 * gap
        if geometry.external_terms:
            from_others[:, :, :a] -= 1j * geometry.batch.matrix("AA")[kpoints[:, None], bands]
        adjoint = self.all_states[kpoints].conj()
        result = (from_others.reshape(k, -1, n) @ adjoint).reshape(k, b, -1, adjoint.shape[2])
        if self._offsets.any():
            result[:, :, :a] -= 1j * self._offsets.T * adjoint[own][:, :, None]
        return result


@dataclass(frozen=True)
class Shells:
    """Multiplets p of m bands near nodes of an axis, and their entries q, a multiplet at a node, one node after the other.

    Attributes
    ----------
    rows : Rows
    own : int array (p, m)
        The rows of each multiplet.
    deviations : float array (p, m)
        ε_n − ε̄_M, eV.
    inverse_distances : float array (p, n)
        1/(ε̄_M − ε̄_n), 1/eV, 0 inside.
    owners : int array (q,)
        The multiplet of each entry.
    nodes : int array (q,)
        Ascending.
    weights : float array (q,)
        w, 1/eV.
    """

    rows: Rows
    own: np.ndarray
    deviations: np.ndarray
    inverse_distances: np.ndarray
    owners: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray

    @property
    def size(self) -> int:
        """Bands of a multiplet."""
        return self.own.shape[1]

    @cached_property
    def at_nodes(self) -> list[tuple[int, slice]]:
        """Each node that occurs, and its entries."""
        starts = np.flatnonzero(np.diff(self.nodes, prepend=-1, append=self.nodes[-1] + 1)).tolist()
        return [(int(self.nodes[first]), slice(first, last)) for first, last in itertools.pairwise(starts)]

    def _block(self, rows):
        """Inside the multiplet, (p, ..., m, m), of rows (r, ..., n)."""
        found = rows[self.own[:, :, None], ..., self.rows.bands[self.own][:, None, :]]  # p m m ...
        return np.moveaxis(found, (1, 2), (-2, -1))

    @cached_property
    def states(self) -> np.ndarray:
        """Uᵀ on the functions of the impurities, (p, m, i)."""
        return self.rows.states[self.own]

    @cached_property
    def dressed(self) -> np.ndarray:
        """(D_aU)† and (δ_JU)†, (p, m, 3 + 3 s, i), see `Rows.dressed`."""
        return self.rows.dressed[self.own]

    @cached_property
    def resolvents(self) -> np.ndarray:
        """Σ_{m∉M} U_m U_m†/(ε̄_M − ε_m), transposed, (p, i, i), 1/eV."""
        states = self.rows.all_states[self.rows.k[self.own[:, 0]]]
        return states.conj().swapaxes(1, 2) @ (states * self.inverse_distances[:, :, None])

    @cached_property
    def velocities(self) -> np.ndarray:
        """Blocks of v (p, a, m, m), eV Å."""
        return self._block(self.rows.velocities)

    @cached_property
    def operators(self) -> np.ndarray:
        """Blocks of the observable (p, s, m, m)."""
        return self._block(self.rows.operators)

    @cached_property
    def currents(self) -> np.ndarray:
        """Blocks of the conventional current ½{v, s} (p, a, s, m, m)."""
        v, s = self.rows.velocities[self.own], self.rows.operators[self.own]  # p m a n, p m s n
        p, m, a, n = v.shape
        product = (v.reshape(p, m * a, n) @ s.conj().reshape(p, -1, n).swapaxes(1, 2)).reshape(p, m, a, m, -1)
        product = product.transpose(0, 2, 4, 1, 3)
        return 0.5 * (product + product.conj().swapaxes(-1, -2))

    @cached_property
    def mean_velocities(self) -> np.ndarray:
        """v̄ (p, a), eV Å."""
        return np.einsum("pann->pa", self.velocities).real / self.size


def shells_of(
    geometry, axis: EnergyAxis, states: np.ndarray, offsets: np.ndarray, weight: float, tetra: bool = False
) -> Iterator[Shells]:
    """Shells of a batch of k points, those of one size after another.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    axis : EnergyAxis
    states, offsets
        See `Rows`.
    weight : float
        Of each k point.
    tetra : bool
        See `wb_conserved.disorder.energy_axis.at_nodes`.
    """
    whole, number = geometry, len(geometry.energies)
    multiplets, entries = at_nodes(whole, axis, tetra)
    near = np.unique(entries.owners)
    if not len(near):
        return
    with_shells = np.zeros(number, dtype=bool)
    with_shells[multiplets.k[near]] = True
    k, start = multiplets.k[near], multiplets.start[near]
    if with_shells.mean() < _FEW:
        geometry, states = whole.part(with_shells), states[with_shells]
        k = (np.cumsum(with_shells) - 1)[k]
    rows = Rows(geometry, states, offsets, *_bands_in_shells(k, start, multiplets.sizes[near], len(geometry.energies)))
    places = np.searchsorted(near, entries.owners)
    energies, means, labels = geometry.energies, geometry.multiplets.energies, geometry.multiplets.labels
    for size in np.unique(multiplets.sizes[near]):
        chosen = np.flatnonzero(multiplets.sizes[near] == size)
        of_size = np.flatnonzero(multiplets.sizes[entries.owners] == size)
        of_size = of_size[np.argsort(entries.nodes[of_size], kind="stable")]
        own = k[chosen]
        place = own[:, None], start[chosen][:, None] + np.arange(size)
        same = labels[own] == labels[place][:, :1]
        yield Shells(
            rows=rows,
            own=rows.starts[place[0]] + place[1],
            deviations=energies[place] - means[place],
            inverse_distances=1.0 / np.where(same, np.inf, means[place][:, :1] - means[own]),
            owners=np.searchsorted(chosen, places[of_size]),
            nodes=entries.nodes[of_size],
            weights=weight * entries.weights[of_size],
        )


def _bands_in_shells(k, start, sizes, kpoints):
    """The first band in a shell of each k point, and the number of bands up to the last one."""
    first, last = np.full(kpoints, np.iinfo(int).max), np.zeros(kpoints, dtype=int)
    np.minimum.at(first, k, start)
    np.maximum.at(last, k, start + sizes)
    empty = last == 0
    first[empty] = 0
    return first, last - first
