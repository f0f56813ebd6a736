"""Occupations of multiplets, summed over a whole scan of Fermi levels at once.

    Fermi sea        Σ f(ε̄_n − μ) X_n            f = 1 / (1 + exp((ε − μ)/kT)),  kT = 0: θ(μ − ε)
    Fermi surface    Σ (−∂f/∂ε)(ε̄_n − μ) X_n     kT = 0: box of half-width w around μ, height 1/(2w)
    grand potential  Σ g(ε̄_n − μ) X_n            g = kT ln(1 − f),  kT = 0: (ε − μ) θ(μ − ε);  ∂g/∂ε = f
    entropy          Σ S(ε̄_n − μ) X_n            S = −∂g/∂(kT) = −f ln f − (1 − f) ln(1 − f),  kT > 0 only
    entropy surface  Σ (−∂S/∂ε)(ε̄_n − μ) X_n     −∂S/∂ε = (ε − μ)/kT (−∂f/∂ε),  kT > 0 only

ε̄_n is the mean energy of n's multiplet, X_n a per-band quantity.  The k loop only adds X_n to the nodes of an energy
axis (`Occupation.spread`); Fermi levels enter once, at the end (`sea`, `surface`), so the cost of the loop does
not depend on their number.

kT = 0: the nodes are the intervals between the sorted levels at which a step occurs: the sums are exact.
kT > 0: the nodes are points, kT/6 apart and independent of the scan, and X_n is spread over the eight around ε̄_n with
the weights of Lagrange interpolation.  Σ_j X_j f(ε_j) is then Σ_n X_n f̃(ε̄_n), f̃ the interpolant of f, which differs
from f by less than 1e-9: bands a few meV apart with large opposite X keep their cancellation, which rounding of
energies to a coarse scan destroys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .. import compiled

_NODES_PER_KT = 6
_STENCIL = 8
_TAIL = 40.0  # f differs from 0 or 1 by exp(-40) = 4e-18 farther than this many kT from the Fermi level
_LEVELS = 128  # Fermi levels to treat together


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


@dataclass(frozen=True, eq=False)
class Occupation:
    """Fermi-Dirac occupation for a scan of Fermi levels.

    Parameters
    ----------
    fermi_levels : float array (n_fermi,)
        Fermi levels in eV, in any order and with any spacing.
    kBT : float
        Temperature in eV, 0 for the step function.
    width : float or None
        Half-width in eV of the box that stands for −∂f/∂ε at kBT = 0; needed only by `surface`.
    """

    fermi_levels: np.ndarray
    kBT: float = 0.0
    width: float | None = None
    _levels: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        levels = np.asarray(self.fermi_levels, dtype=float)
        if levels.ndim != 1 or levels.size == 0 or not np.all(np.isfinite(levels)):
            raise ValueError(f"fermi_levels: expected a one-dimensional array of finite numbers, found {levels!r}")
        if not self.kBT >= 0:
            raise ValueError(f"kBT: expected a number >= 0 (eV), found {self.kBT!r}")
        if self.width is not None and not self.width > 0:
            raise ValueError(f"width: expected a number > 0 (eV), found {self.width!r}")
        object.__setattr__(self, "fermi_levels", levels)
        object.__setattr__(self, "_levels", np.unique(self._nodes(levels)))

    def _nodes(self, fermi):
        if self.kBT > 0:
            spacing = self.kBT / _NODES_PER_KT
            margin = _TAIL * self.kBT + _STENCIL * spacing
            first = np.floor((fermi.min() - margin) / spacing)
            return spacing * np.arange(first, np.ceil((fermi.max() + margin) / spacing) + 1)
        if self.width is None:
            return fermi
        return np.concatenate([fermi, fermi - self.width, fermi + self.width])

    @property
    def n_nodes(self) -> int:
        """Length of the energy axis: what lies below the scan, then the nodes."""
        return len(self._levels) + 1

    @cached_property
    def key(self):
        """Equal for occupations with the same energy axis."""
        return self.kBT, self._levels.tobytes()

    def spread(self, energies: np.ndarray) -> Spread:
        """How bands of these energies are added to the energy axis.

        Parameters
        ----------
        energies : float array (k, n)
            Mean energies of the multiplets, eV.
        """
        energies, every = energies.reshape(-1), np.arange(energies.size)
        if compiled.enabled():
            from ..compiled import occupation  # imports numba

            if self.kBT == 0:
                return Spread(*occupation.steps(energies, self._levels), every)
            return Spread(*occupation.points(energies, self._levels, self.kBT / _NODES_PER_KT, _STENCIL), every)
        relevant = energies <= self._levels[-1]
        rows, weights = self._stencil(energies[relevant])
        starts = np.concatenate([[0], np.cumsum(relevant * rows.shape[1])])
        return Spread(starts, rows.ravel(), weights.ravel(), every)

    def accumulate(self, energies: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Per-band values added to an energy axis of zeros.

        Parameters
        ----------
        energies : float array (k, n)
            Mean energies of the multiplets, eV.
        values : float array (k, n, ...)

        Returns
        -------
        float array (n_nodes, ...)
            Linear in `values`; add those of all k points before calling `sea` or `surface`.
        """
        result = np.zeros((self.n_nodes, *values.shape[2:]))
        self.spread(energies).add(values, result)
        return result

    def _stencil(self, energies):
        """Nodes (band, stencil) that each band is added to, and the weights."""
        if self.kBT == 0:
            # node 0 holds bands at or below the lowest level, node j those in (level j-1, level j]
            return np.searchsorted(self._levels, energies, side="left")[:, None], np.ones((len(energies), 1))
        spacing = self.kBT / _NODES_PER_KT
        position = (energies - self._levels[0]) / spacing
        cell = np.floor(position).astype(int)
        first = np.clip(cell - (_STENCIL // 2 - 1), 0, len(self._levels) - _STENCIL)
        offset = np.clip(position - first, 0.0, None)
        weights = _lagrange_weights(offset)
        rows = first[:, None] + 1 + np.arange(_STENCIL)
        below = cell < _STENCIL  # f = 1 there for every Fermi level
        rows[below] = np.arange(_STENCIL)
        weights[below] = 0.0
        weights[below, 0] = 1.0
        return rows, weights

    def sea(self, spectrum: np.ndarray) -> np.ndarray:
        """Fermi-sea sums Σ f X, shape (n_fermi, ...), of an accumulated spectrum (n_nodes, ...)."""
        if self.kBT == 0:
            return self._occupied(spectrum, self.fermi_levels)
        return self._convolve(spectrum, _fermi, below=spectrum)

    def surface(self, spectrum: np.ndarray) -> np.ndarray:
        """Fermi-surface sums Σ (−∂f/∂ε) X, shape (n_fermi, ...), of an accumulated spectrum (n_nodes, ...)."""
        if self.kBT > 0:
            return self._convolve(spectrum, lambda x: _fermi_slope(x) / self.kBT)
        if self.width is None:
            raise ValueError("width: a Fermi-surface sum at kBT = 0 needs it")
        upper = self._occupied(spectrum, self.fermi_levels + self.width)
        return (upper - self._occupied(spectrum, self.fermi_levels - self.width)) / (2 * self.width)

    def grand_potential(self, spectrum: np.ndarray, energy_spectrum: np.ndarray) -> np.ndarray:
        """Sums Σ g X of the spectra accumulated from X and from ε̄ X."""
        levels = self.fermi_levels.reshape(-1, *(1,) * (spectrum.ndim - 1))
        if self.kBT == 0:
            energies = self._occupied(energy_spectrum, self.fermi_levels)
            return energies - levels * self._occupied(spectrum, self.fermi_levels)
        near = self._convolve(spectrum, lambda x: -self.kBT * np.logaddexp(0.0, -x))
        # bands spread over nodes count with the energies of these, as in the kernel; the first entry has no single one
        nodes = self._levels.reshape(-1, *(1,) * (spectrum.ndim - 1))
        energies = np.concatenate([energy_spectrum[:1], nodes * spectrum[1:]])
        return near + self._below(energies) - levels * self._below(spectrum)

    def entropy(self, spectrum: np.ndarray) -> np.ndarray:
        """Sums Σ S X, in units of the Boltzmann constant."""
        return self._convolve(spectrum, lambda x: np.logaddexp(0.0, -x) + x * _fermi(x))

    def entropy_surface(self, spectrum: np.ndarray) -> np.ndarray:
        """Sums Σ (−∂S/∂ε) X, in units of the Boltzmann constant per eV."""
        return self._convolve(spectrum, lambda x: x * _fermi_slope(x) / self.kBT)

    def _occupied(self, spectrum, levels):
        return np.cumsum(spectrum, axis=0)[np.searchsorted(self._levels, levels, side="left")]

    @cached_property
    def _reach(self) -> int:
        return int(np.ceil(_TAIL * _NODES_PER_KT)) + 1

    def _below(self, spectrum):
        """Sum of all nodes below the reach of each Fermi level."""
        centre = np.searchsorted(self._levels, self.fermi_levels)
        return np.cumsum(spectrum, axis=0)[np.clip(centre - self._reach, 0, None)]

    def _convolve(self, spectrum, kernel, below=None):
        """Σ_j kernel((ε_j − μ)/kT) spectrum_j over the nodes in reach of each Fermi level μ, plus all of `below`."""
        if self.kBT == 0:
            raise ValueError("kBT: expected a number > 0 (eV) for an entropy, found 0")
        flat = spectrum.reshape(self.n_nodes, -1)
        centre = np.searchsorted(self._levels, self.fermi_levels)
        order, start = np.argsort(centre), 0
        result = np.empty((len(order), flat.shape[1]))
        while start < len(order):  # neighbouring Fermi levels, which have most nodes in common
            near = centre[order[start : start + _LEVELS]] <= centre[order[start]] + 2 * self._reach
            part = order[start : start + np.count_nonzero(near)]
            start += len(part)
            first = max(0, centre[part[0]] - self._reach)
            nodes = np.arange(first, min(centre[part[-1]] + self._reach + 1, len(self._levels)))
            argument = (self._levels[nodes] - self.fermi_levels[part, None]) / self.kBT
            inside = np.abs(nodes - centre[part, None]) <= self._reach
            result[part] = np.where(inside, kernel(argument), 0.0) @ flat[nodes + 1]
        result = result.reshape(len(self.fermi_levels), *spectrum.shape[1:])
        return result if below is None else result + self._below(below)


def _fermi(x):
    """1/(1 + eˣ)."""
    small = np.exp(-np.abs(x))
    return np.where(x > 0, small, 1.0) / (1.0 + small)


def _fermi_slope(x):
    """eˣ/(1 + eˣ)²."""
    small = np.exp(-np.abs(x))
    return small / (1.0 + small) ** 2


def _lagrange_weights(offset):
    """Weights (band, stencil) of Lagrange interpolation at `offset` (band,) from the nodes 0, 1, ..., _STENCIL − 1."""
    nodes = np.arange(_STENCIL)
    distance = offset[:, None] - nodes
    others = ~np.eye(_STENCIL, dtype=bool)
    numerator = np.prod(np.where(others, distance[:, None, :], 1.0), axis=2)
    denominator = np.prod(np.where(others, nodes[:, None] - nodes, 1), axis=1)
    return numerator / denominator
