"""Energy shells: the delta functions of scattering on an axis of equidistant nodes ε_j, Δ apart.

A multiplet M with mean energy ε̄_M belongs to its two neighbours with the weights of a linear interpolation, so that

    δ(ε_j − ε̄_M) → w_M = max(0, 1 − |ε_j − ε̄_M|/Δ) / (Δ N_k),    ∫dε (−∂f/∂ε) X(ε) → Σ_j c_j X(ε_j)

with c_j the integral of −∂f/∂ε times the same hat.  Or, with linear tetrahedra in the cell of each k point, w_M is the mean
over the bands of M of the delta function of their energies in the cell (`wb_conserved.occupations.tetrahedra`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..occupations.tetrahedra import TetrahedronWeights

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


class MultipletList(NamedTuple):
    """All multiplets of a batch: k point, first band and number of bands (int arrays)."""

    k: np.ndarray
    start: np.ndarray
    sizes: np.ndarray


class Entries(NamedTuple):
    """Multiplets at nodes: number of the multiplet, node, and weight for a k point of weight 1, 1/eV."""

    owners: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray


def at_nodes(geometry, axis: EnergyAxis, tetra: bool = False) -> tuple[MultipletList, Entries]:
    """The multiplets of a batch, and their weights at the nodes of an axis.

    Parameters
    ----------
    geometry : wb_conserved.calculators.band_geometry.BandGeometry
    axis : EnergyAxis
    tetra : bool
        Linear tetrahedra instead of the two neighbouring nodes.
    """
    labels = geometry.multiplets.labels
    first = np.ones(labels.shape, dtype=bool)
    first[:, 1:] = labels[:, 1:] != labels[:, :-1]
    k, start = np.nonzero(first)
    multiplets = MultipletList(k, start, np.diff(np.append(np.flatnonzero(first), labels.size)))
    if tetra:
        return multiplets, _tetrahedra(geometry, axis, np.cumsum(first.ravel()) - 1, multiplets.sizes)
    nodes, weights = axis.hats(geometry.multiplets.energies[k, start])
    which, owners = np.nonzero((nodes >= 0) & (nodes < axis.number) & (weights > 0))
    return multiplets, Entries(owners, nodes[which, owners], weights[which, owners] / axis.width)


def _tetrahedra(geometry, axis, owners, sizes):
    """Entries of multiplets, whose numbers are given for each band (k n,)."""
    energies = np.concatenate([geometry.energies[None], geometry.corner_energies().swapaxes(0, 1)])
    spread = TetrahedronWeights(axis.energies, energies.reshape(9, -1)).surface
    of_entries = owners[np.repeat(spread.bands, np.diff(spread.starts))]
    there = (spread.nodes < axis.number) & (spread.weights != 0)
    both, place = np.unique(of_entries[there] * axis.number + spread.nodes[there], return_inverse=True)
    owners, nodes = np.divmod(both, axis.number)
    return Entries(owners, nodes, np.bincount(place, spread.weights[there], minlength=len(both)) / sizes[owners])
