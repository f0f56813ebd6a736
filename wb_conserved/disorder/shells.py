"""States of multiplets near the energies of an axis, as scattering needs them.

An energy axis of equidistant nodes ε_j, Δ apart, stands for the energy shells: a multiplet M with mean energy ε̄_M belongs to
its two neighbours with the weights of a linear interpolation, so that

    δ(ε_j − ε̄_M) → w_M = max(0, 1 − |ε_j − ε̄_M|/Δ) / (Δ N_k),    ∫dε (−∂f/∂ε) X(ε) → Σ_j c_j X(ε_j)

with c_j the integral of −∂f/∂ε times the same hat.  First axes of arrays are p, a multiplet, or q, a multiplet at a node; i are
the functions of the impurities, m the bands of the multiplet, a Cartesian directions, s components of the observable.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_REACH = 16.0  # in units of kBT


@dataclass(frozen=True)
class EnergyAxis:
    """Equidistant nodes.

    Attributes
    ----------
    origin : float
        Of node 0, eV.
    width : float
        Distance of the nodes, and half-width of a shell, eV.
    number : int
    """

    origin: float
    width: float
    number: int

    @classmethod
    def of_levels(cls, levels: np.ndarray, kBT: float, width: float) -> EnergyAxis:
        """Nodes for −∂f/∂ε at some Fermi levels and up to a temperature, all eV."""
        margin = _REACH * kBT + 2 * width
        first, last = np.floor((levels.min() - margin) / width), np.ceil((levels.max() + margin) / width)
        return cls(float(first * width), width, int(last - first) + 1)

    @property
    def energies(self) -> np.ndarray:
        """Of the nodes, eV."""
        return self.origin + self.width * np.arange(self.number)

    def covering(self, lowest: float, highest: float) -> tuple[EnergyAxis, int]:
        """A longer axis of which this one is a part, from below one energy to above another, and the place of node 0 there."""
        before = max(0, int(np.ceil((self.origin - lowest) / self.width)) + 1)
        end = max(self.number, int(np.ceil((highest - self.origin) / self.width)) + 2)
        return EnergyAxis(self.origin - before * self.width, self.width, before + end), before

    def hats(self, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two nodes of each energy, (2, ...), and their weights; nodes may lie outside the axis."""
        x = (energies - self.origin) / self.width
        lower = np.floor(x)
        upper = x - lower
        nodes = np.stack([lower, lower + 1]).astype(int)
        return nodes, np.stack([1 - upper, upper])

    def surface_weights(self, levels: np.ndarray, kBT: float) -> np.ndarray:
        """Coefficients c (level, node) of ∫dε (−∂f/∂ε) X(ε) for X linear between the nodes."""
        if kBT == 0:
            result = np.zeros((len(levels), self.number))
            nodes, weights = self.hats(levels)
            for node, weight in zip(nodes, weights, strict=True):
                result[np.arange(len(levels)), node] += weight
            return result
        # second difference of the second integral of −∂f/∂ε, which is kBT ln(1 + exp(x))
        ends = self.origin + self.width * np.arange(-1, self.number + 1)
        x = (ends - levels[:, None]) / kBT
        return kBT * np.diff(np.logaddexp(0.0, x), n=2, axis=1) / self.width


class Rows:
    """Matrices of a batch in the rows of those bands b that lie in shells.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    states : complex array (k, n, i)
        Eigenvectors on the functions of the impurities, with the phases exp(i k·(τ_i − r_0)).
    offsets : float array (i, a)
        τ_i − r_0, Å.
    first, last : int
        The bands, from the first one to before the last one.
    """

    def __init__(self, geometry, states: np.ndarray, offsets: np.ndarray, first: int, last: int):
        self._geometry, self.all_states, self._offsets = geometry, states, offsets
        self.bands = slice(first, last)

    @property
    def states(self) -> np.ndarray:
        """(k, b, i)."""
        return self.all_states[:, self.bands]

    @property
    def velocities(self) -> np.ndarray:
        """v (k, b, a, n), eV Å."""
        return self._geometry.velocity[:, self.bands]

    @property
    def operators(self) -> np.ndarray:
        """The observable (k, b, s, n)."""
        return self._geometry.operator[:, self.bands]

    @property
    def _currents(self):
        """Conventional current ½{v, s} (k, b, a, s, n)."""
        v, s = self.velocities, self.operators
        k, b, a, n = v.shape
        components = s.shape[2]
        result = (v.reshape(k, b * a, n) @ self._geometry.operator.reshape(k, n, -1)).reshape(k, b, a, components, n)
        other = (s.reshape(k, b * components, n) @ self._geometry.velocity.reshape(k, n, -1)).reshape(k, b, components, a, n)
        result += other.swapaxes(2, 3)
        result *= 0.5
        return result

    @cached_property
    def dressed(self) -> np.ndarray:
        """(D_aU)†, Å, and (δ_JU)†, the conventional current dressing it: (k, b, 3 + 3 s, i).

        D_aU = Σ_{m∉M} U_m v^a_mn/(ε_n − ε_m) + i (r^a − r_0^a) U, δ_JU = Σ_{m∉M} U_m J^{as}_mn/(ε_n − ε_m).
        """
        geometry, currents = self._geometry, self._currents
        energies, labels = geometry.energies, geometry.multiplets.labels
        difference = energies[:, self.bands, None] - energies[:, None]
        difference[labels[:, self.bands, None] == labels[:, None]] = np.inf
        gap = 1.0 / difference[:, :, None]
        k, b, _, n = gap.shape
        from_others = np.empty((k, b, 3 + currents.shape[2] * currents.shape[3], n), dtype=complex)
        np.multiply(self.velocities, gap, out=from_others[:, :, :3])
        np.multiply(currents.reshape(k, b, -1, n), gap, out=from_others[:, :, 3:])
        if geometry.external_terms:
            from_others[:, :, :3] -= 1j * geometry.batch.matrix("AA")[:, self.bands]
        adjoint = self.all_states.conj()
        result = (from_others.reshape(k, -1, n) @ adjoint).reshape(*from_others.shape[:3], -1)
        if self._offsets.any():
            result[:, :, :3] -= 1j * self._offsets.T * adjoint[:, self.bands, None]
        return result


@dataclass(frozen=True)
class Shells:
    """Multiplets p of m bands near nodes of an axis, and their entries q, a multiplet at a node, one node after the other.

    Attributes
    ----------
    rows : Rows
    k : int array (p,)
    bands : int array (p, m)
        Among those of the rows.
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
    k: np.ndarray
    bands: np.ndarray
    deviations: np.ndarray
    inverse_distances: np.ndarray
    owners: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray

    @property
    def size(self) -> int:
        """Bands of a multiplet."""
        return self.bands.shape[1]

    @cached_property
    def at_nodes(self) -> list[tuple[int, slice]]:
        """Each node that occurs, and its entries."""
        starts = np.flatnonzero(np.diff(self.nodes, prepend=-1, append=self.nodes[-1] + 1)).tolist()
        return [(int(self.nodes[first]), slice(first, last)) for first, last in itertools.pairwise(starts)]

    def _block(self, rows):
        """Inside the multiplet, (p, ..., m, m), of rows (k, b, ..., n)."""
        columns = self.rows.bands.start + self.bands
        found = rows[self.k[:, None, None], self.bands[:, :, None], ..., columns[:, None, :]]  # p m m ...
        return np.moveaxis(found, (1, 2), (-2, -1))

    @cached_property
    def states(self) -> np.ndarray:
        """Uᵀ on the functions of the impurities, (p, m, i)."""
        return self.rows.states[self.k[:, None], self.bands]

    @cached_property
    def dressed(self) -> np.ndarray:
        """(D_aU)† and (δ_JU)†, (p, m, 3 + 3 s, i), see `Rows.dressed`."""
        return self.rows.dressed[self.k[:, None], self.bands]

    @cached_property
    def resolvents(self) -> np.ndarray:
        """Σ_{m∉M} U_m U_m†/(ε̄_M − ε_m), transposed, (p, i, i), 1/eV."""
        states = self.rows.all_states[self.k]
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
        k = self.k[:, None]
        v, s = self.rows.velocities[k, self.bands], self.rows.operators[k, self.bands]  # p m a n, p m s n
        p, m, a, n = v.shape
        product = (v.reshape(p, m * a, n) @ s.conj().reshape(p, -1, n).swapaxes(1, 2)).reshape(p, m, a, m, -1)
        product = product.transpose(0, 2, 4, 1, 3)
        return 0.5 * (product + product.conj().swapaxes(-1, -2))

    @cached_property
    def mean_velocities(self) -> np.ndarray:
        """v̄ (p, a), eV Å."""
        return np.einsum("pann->pa", self.velocities).real / self.size


def shells_of(geometry, axis: EnergyAxis, states: np.ndarray, offsets: np.ndarray, weight: float) -> Iterator[Shells]:
    """Shells of a batch of k points, those of one size after another.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    axis : EnergyAxis
    states, offsets
        See `Rows`.
    weight : float
        Of each k point.
    """
    energies, multiplets = geometry.energies, geometry.multiplets
    starts = np.ones(energies.shape, dtype=bool)
    starts[:, 1:] = multiplets.labels[:, 1:] != multiplets.labels[:, :-1]
    k, start = np.nonzero(starts)
    sizes = np.diff(np.append(np.flatnonzero(starts), energies.size))
    nodes, weights = axis.hats(multiplets.energies[k, start])
    there = (nodes >= 0) & (nodes < axis.number) & (weights > 0)
    near = there.any(axis=0)
    if not near.any():
        return
    rows = Rows(geometry, states, offsets, start[near].min(), (start + sizes)[near].max())
    for size in np.unique(sizes[near]):
        chosen = np.flatnonzero(near & (sizes == size))
        which, owners = np.nonzero(there[:, chosen])
        order = np.argsort(nodes[which, chosen[owners]], kind="stable")
        entries = which[order], chosen[owners[order]]
        bands = start[chosen][:, None] + np.arange(size)
        means, others = multiplets.energies[k[chosen], start[chosen]][:, None], multiplets.energies[k[chosen]]
        distances = np.where(multiplets.labels[k[chosen]] == multiplets.labels[k, start][chosen, None], np.inf, means - others)
        yield Shells(
            rows=rows,
            k=k[chosen],
            bands=bands - rows.bands.start,
            deviations=energies[k[chosen][:, None], bands] - means,
            inverse_distances=1.0 / distances,
            owners=owners[order],
            nodes=nodes[entries],
            weights=(weight / axis.width) * weights[entries],
        )
