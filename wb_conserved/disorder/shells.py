"""States of multiplets near the energies of an axis, as scattering needs them.

An energy axis of equidistant nodes ε_j, Δ apart, stands for the energy shells: a multiplet M with mean energy ε̄_M belongs to
its two neighbours with the weights of a linear interpolation, so that

    δ(ε_j − ε̄_M) → w_M = max(0, 1 − |ε_j − ε̄_M|/Δ) / (Δ N_k),    ∫dε (−∂f/∂ε) X(ε) → Σ_j c_j X(ε_j)

with c_j the integral of −∂f/∂ε times the same hat.  All arrays have the entry (a multiplet at a node) as first axis q; i are
the functions of the impurities, m the bands of the multiplet, a Cartesian directions, s components of the observable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Shells:
    """Multiplets of m bands near nodes of an axis.

    Attributes
    ----------
    nodes : int array (q,)
    weights : float array (q,)
        w, 1/eV.
    deviations : float array (q, m)
        ε_n − ε̄_M, eV.
    states : complex array (q, i, m)
        U on the functions of the impurities.
    derivatives : complex array (q, a, i, m)
        D_aU, Å.
    resolvents : complex array (q, i, i)
        Σ_{m∉M} U_m U_m†/(ε̄_M − ε_m), 1/eV.
    velocities : complex array (q, a, m, m)
        Blocks of v, eV Å.
    operators : complex array (q, s, m, m)
        Blocks of the observable.
    currents : complex array (q, a, s, m, m)
        Blocks of the conventional current ½{v, s}.
    current_derivatives : complex array (q, a, s, i, m)
        Σ_{m∉M} U_m J_mn/(ε_n − ε_m).
    """

    nodes: np.ndarray
    weights: np.ndarray
    deviations: np.ndarray
    states: np.ndarray
    derivatives: np.ndarray
    resolvents: np.ndarray
    velocities: np.ndarray
    operators: np.ndarray
    currents: np.ndarray
    current_derivatives: np.ndarray

    @property
    def size(self) -> int:
        """Bands of a multiplet."""
        return self.states.shape[-1]

    @property
    def mean_velocities(self) -> np.ndarray:
        """v̄ (q, a), eV Å."""
        return np.einsum("qann->qa", self.velocities).real / self.size


def multiplets_near(energies: np.ndarray, labels: np.ndarray, means: np.ndarray, axis: EnergyAxis) -> Iterator[tuple]:
    """Multiplets at nodes of an axis, those of one size after another.

    Parameters
    ----------
    energies, means : float array (k, n)
        Of the bands, and of their multiplets, eV.
    labels : int array (k, n)
        Numbers of the multiplets.
    axis : EnergyAxis

    Yields
    ------
    k : int array (q,)
    bands : int array (q, m)
    nodes : int array (q,)
    weights : float array (q,)
        Without the weight of the k point, 1/eV.
    """
    first = np.ones(labels.shape, dtype=bool)
    first[:, 1:] = labels[:, 1:] != labels[:, :-1]
    k, start = np.nonzero(first)
    flat = np.flatnonzero(first)
    sizes = np.diff(np.append(flat, labels.size))
    nodes, weights = axis.hats(means[k, start])
    for size in np.unique(sizes):
        for node, weight in zip(nodes, weights, strict=True):
            kept = (sizes == size) & (node >= 0) & (node < axis.number) & (weight > 0)
            if kept.any():
                yield k[kept], start[kept][:, None] + np.arange(size), node[kept], weight[kept] / axis.width


def shells_of(geometry, axis: EnergyAxis, functions: np.ndarray, phases: np.ndarray, offsets: np.ndarray, weight: float):
    """Shells of a batch of k points.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    axis : EnergyAxis
    functions : int array (i,)
        Wannier functions of the impurities.
    phases : complex array (k, i)
        exp(i k·(τ_i − r_0)), as the functions sit at other places than the impurity's origin.
    offsets : float array (i, a)
        τ_i − r_0, Å.
    weight : float
        Of each k point.

    Yields
    ------
    Shells
    """
    energies, multiplets = geometry.energies, geometry.multiplets
    vectors = geometry.batch.eigenvectors[:, functions] * phases[:, :, None]  # k i n
    position = geometry.batch.matrix("AA") if geometry.external_terms else None
    for k, bands, nodes, shell_weights in multiplets_near(energies, multiplets.labels, multiplets.energies, axis):
        rows, one, other = k[:, None], bands[:, :, None], bands[:, None, :]
        all_states, states = vectors[k], np.moveaxis(vectors[rows, :, bands], 1, 2)  # q i n, q i m

        def block(matrix, k=k, one=one, other=other):
            """Inside the multiplet, (q, ..., m, m)."""
            return np.moveaxis(matrix[k[:, None, None], one, ..., other], (1, 2), (-2, -1))

        def columns(matrix, rows=rows, bands=bands):
            """All rows and the columns of the multiplet, (q, ..., n, m)."""
            return np.moveaxis(np.moveaxis(matrix[rows, ..., bands], 1, -1), 1, -2)

        gap = np.moveaxis(geometry.gap[rows, bands], 1, 2)  # q n m: 1/(ε_m − ε_n), 0 inside
        connection = columns(geometry.connection)  # q a n m
        derivatives = all_states[:, None] @ (-1j * connection) + 1j * offsets.T[:, :, None] * states[:, None]
        if position is not None:
            derivatives += all_states[:, None] @ (1j * columns(position))
        mean_gap = geometry.mean_gap[k, bands[:, 0]]  # q n
        current = columns(geometry.current)  # q a s n m
        yield Shells(
            nodes=nodes,
            weights=weight * shell_weights,
            deviations=energies[rows, bands] - multiplets.energies[rows, bands],
            states=states,
            derivatives=derivatives,
            resolvents=(all_states * mean_gap[:, None]) @ all_states.conj().swapaxes(1, 2),
            velocities=block(geometry.velocity),
            operators=block(geometry.operator),
            currents=block(geometry.current),
            current_derivatives=all_states[:, None, None] @ (current * gap[:, None, None]),
        )
