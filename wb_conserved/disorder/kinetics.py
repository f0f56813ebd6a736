r"""The Boltzmann equation of a matrix distribution for local impurities, solved in closed form at every energy.

With δρ_M = e E_l (−∂f/∂ε) g^l_M, g Hermitian inside each multiplet M,

    C[g]_M = ½{Γ_M, g_M} + i[h_M, g_M] − 2πc U_M† T F T† U_M = v̄^l_M 1,    F = Σ w_M U_M g_M U_M†,    Σ w tr g = 0

the part that sends states out is a Lyapunov operator K g + g K†, K = ½Γ + ih, of each multiplet by itself, and what comes in
knows the others through F on the functions of the impurities alone.  So F obeys a linear equation of dimension Σ|I|², whose
matrix is a sum over the states of the shell; the same holds for every further distribution with another right side.  What is
linear in g, such as a current, is a number plus a row that multiplies F.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .scattering import Kind, Scattering
from .shells import Shells

_UNSCATTERED = 1e-7  # of the largest rate of the states at hand
_SINGULAR = 1e-10  # of the largest singular value


def imaginary_part(matrices: np.ndarray) -> np.ndarray:
    """(Z − Z†)/2i."""
    return (matrices - matrices.conj().swapaxes(-1, -2)) / 2j


def hermitian_part(matrices: np.ndarray) -> np.ndarray:
    """(Z + Z†)/2."""
    return 0.5 * (matrices + matrices.conj().swapaxes(-1, -2))


def inside(shells: Shells, matrices: np.ndarray) -> np.ndarray:
    """U†OU (q, ..., m, m) of matrices O on the functions of the impurities, (node, ..., i, i)."""
    states = shells.states.reshape(len(shells.nodes), *(1,) * (matrices.ndim - 3), *shells.states.shape[1:])
    return states.conj().swapaxes(-1, -2) @ matrices[shells.nodes] @ states


def out_of(shells: Shells, scattering: Scattering, extra_rate: float) -> np.ndarray:
    """Inverse of K g + g K†, as matrices (q, m m, m m).

    Parameters
    ----------
    shells : Shells
    scattering : Scattering
    extra_rate : float
        Isotropic rate besides the impurities, eV.

    Raises
    ------
    InputError
        States that nothing scatters.
    """
    m = shells.size
    rates, one = inside(shells, scattering.outward), np.eye(m)
    shift = inside(shells, scattering.shift)
    shift[:, range(m), range(m)] += shells.deviations
    half = 0.5 * rates + 1j * shift + 0.5 * extra_rate * one
    slowest, fastest = np.linalg.eigvalsh(rates)[:, 0] + extra_rate, np.abs(rates).max() + extra_rate
    if slowest.min() <= _UNSCATTERED * fastest:
        raise InputError(
            "extra_rate",
            "a number > 0 (eV) that makes all rates positive, as the impurities leave states without scattering (or the third "
            "order of a strong potential makes rates negative: scattering='t-matrix')",
            f"{extra_rate:g}, and a rate of {slowest.min() - extra_rate:.2g} eV beside {fastest:.2g} eV",
        )
    operator = half[:, :, None, :, None] * one[:, None, :] + one[:, None, :, None] * half.conj()[:, None, :, None, :]
    return np.linalg.inv(operator.reshape(-1, m * m, m * m))


def into(shells: Shells, kinds: tuple[Kind, ...], pairs: tuple) -> np.ndarray:
    """2πc Σ U†L F R U as a matrix (q, m m, F), F being the elements of all kinds one after the other."""
    parts = []
    for kind, of_kind in zip(kinds, pairs, strict=True):
        states, total = shells.states[:, kind.rows], 0.0
        for left, right in of_kind:
            rows = states.conj().swapaxes(1, 2) @ left[shells.nodes]  # q m i
            columns = right[shells.nodes] @ states  # q i m
            total = total + np.einsum("qac,qdb->qabcd", rows, columns)
        parts.append(kind.factor * total.reshape(len(states), shells.size**2, -1))
    return np.concatenate(parts, axis=2)


def local(shells: Shells, kinds: tuple[Kind, ...]) -> np.ndarray:
    """U g U† on the functions of each kind as a matrix (q, F, m m)."""
    parts = []
    for kind in kinds:
        states = shells.states[:, kind.rows]
        parts.append(np.einsum("qca,qdb->qcdab", states, states.conj()).reshape(len(states), -1, shells.size**2))
    return np.concatenate(parts, axis=1)


def of_kinds(elements: np.ndarray, kinds: tuple[Kind, ...], number: int) -> np.ndarray:
    """Matrices (..., i, i) on all functions from the elements (..., F) of the kinds, zero between kinds."""
    result = np.zeros((*elements.shape[:-1], number, number), dtype=complex)
    first = 0
    for kind in kinds:
        n = len(kind.rows)
        result[..., kind.rows[:, None], kind.rows] = elements[..., first : first + n * n].reshape(*elements.shape[:-1], n, n)
        first += n * n
    return result


def elements_of(matrices: np.ndarray, kinds: tuple[Kind, ...]) -> np.ndarray:
    """The elements (..., F) of the kinds of matrices (..., i, i) on all functions."""
    parts = [matrices[..., kind.rows[:, None], kind.rows].reshape(*matrices.shape[:-2], -1) for kind in kinds]
    return np.concatenate(parts, axis=-1)


def by_node(nodes: np.ndarray, number: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Σ_q L_q R_q of matrices (q, a, b) and (q, b, c) at each node, (number, a, c)."""
    result = np.zeros((number, left.shape[1], right.shape[2]), dtype=complex)
    order = np.argsort(nodes, kind="stable")
    bounds = np.flatnonzero(np.diff(nodes[order], prepend=-1, append=number))
    for first, last in itertools.pairwise(bounds):
        chosen = order[first:last]
        some = left[chosen].transpose(1, 0, 2).reshape(left.shape[1], -1)
        result[nodes[chosen[0]]] = some @ right[chosen].reshape(-1, right.shape[2])
    return result


def outer_sum(shells: Shells, number: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Σ L R† at each node, (node, ..., i, i), of matrices (q, i, m) and (q, ..., i, m)."""
    q, *between, i, m = right.shape
    columns = np.moveaxis(right.conj(), -1, 1).reshape(q, m, -1)
    result = by_node(shells.nodes, number, left, columns).reshape(number, i, *between, i)
    return np.moveaxis(result, 1, -2)


def vector(matrices: np.ndarray) -> np.ndarray:
    """Matrices (q, ..., m, m) as columns (q, m m, ...)."""
    q, *between, m, _ = matrices.shape
    return np.moveaxis(matrices.reshape(q, *between, m * m), -1, 1).reshape(q, m * m, -1)


def trace_with(matrices: np.ndarray) -> np.ndarray:
    """Rows (q, ..., m m) that make tr(O g) of vectors g."""
    q, *between, m, _ = matrices.shape
    return matrices.swapaxes(-1, -2).reshape(q, -1, m * m)


@dataclass(frozen=True)
class Equation:
    """The linear equation (1 − R) F = F_0 of every node, and the states that it is made of.

    Attributes
    ----------
    kernel : complex array (node, F, F)
        R.
    spectrum : complex array (node, F)
        Elements of A: F of a constant g.
    states : float array (node,)
        Σ w |M|.
    count : complex array (node, F)
        Row of Σ w tr g.
    extra_rate : float
    """

    kernel: np.ndarray
    spectrum: np.ndarray
    states: np.ndarray
    count: np.ndarray
    extra_rate: float

    def solve(self, source: np.ndarray, number: np.ndarray) -> np.ndarray:
        """F (node, F, x) of sources F_0 (node, F, x), whose own Σ w tr g is `number` (node, x).

        The minimum-norm solution, as decoupled sectors have several null vectors, with the constant that makes Σ w tr g vanish.
        """
        result = np.zeros_like(source)
        for node in np.flatnonzero(self.states > 0):
            matrix = np.eye(self.kernel.shape[1]) - self.kernel[node]
            left, values, right = np.linalg.svd(matrix)
            kept = values > _SINGULAR * max(1.0, values[0])
            found = left[:, kept].conj().T @ source[node]
            found = right[kept].conj().T @ (found / values[kept, None])
            if self.extra_rate == 0:
                excess = number[node] + self.count[node] @ found
                found = found - np.outer(self.spectrum[node], excess / self.states[node])
            result[node] = found
        return result
