r"""The Boltzmann equation of a matrix distribution for local impurities, solved in closed form at every energy.

With δρ_M = e E_l (−∂f/∂ε) g^l_M, g Hermitian inside each multiplet M,

    C[g]_M = ½{Γ_M, g_M} + i[h_M, g_M] − 2πc U_M† T F T† U_M = v̄^l_M 1,    F = Σ w_M U_M g_M U_M†,    Σ w tr g = 0

the part that sends states out is a Lyapunov operator L g = K g + g K†, K = ½Γ + ih, of each multiplet by itself, and what comes
in knows the others through F on the functions of the impurities alone.  So with P F = U†FU, all that has to be summed over the
states is S = Σ w Pᵀ L⁻¹ P, which does not depend on what comes in, and F obeys (1 − S 2πc T·T†) F = Σ w Pᵀ L⁻¹ v̄.  The same
holds for every further distribution with another right side.  What is linear in g, such as a current, is a number plus a row
Σ w r L⁻¹ P that multiplies what comes in.

Hermitian matrices X are real vectors throughout, Re X + Im X element by element: products of vectors are Tr(XY).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lstsq

from ..errors import InputError
from .scattering import Kind
from .shells import Shells

_UNSCATTERED = 1e-7  # of the largest rate of the states at hand
_SINGULAR = 1e-10  # of the largest pivot


def imaginary_part(matrices: np.ndarray) -> np.ndarray:
    """(Z − Z†)/2i."""
    return (matrices - matrices.conj().swapaxes(-1, -2)) / 2j


def hermitian_part(matrices: np.ndarray) -> np.ndarray:
    """(Z + Z†)/2."""
    return 0.5 * (matrices + matrices.conj().swapaxes(-1, -2))


def as_vectors(matrices: np.ndarray) -> np.ndarray:
    """Real vectors (..., i i) of Hermitian matrices (..., i, i)."""
    return (matrices.real + matrices.imag).reshape(*matrices.shape[:-2], -1)


def as_matrices(vectors: np.ndarray) -> np.ndarray:
    """Hermitian matrices (..., i, i) of real vectors (..., i i)."""
    size = round(vectors.shape[-1] ** 0.5)
    real = vectors.reshape(*vectors.shape[:-1], size, size)
    transposed = real.swapaxes(-1, -2)
    return 0.5 * (real + transposed) + 0.5j * (real - transposed)


def sandwich(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Real matrix (..., a b, i j) of F → L F R, or of its part that keeps F Hermitian, with L (..., a, i) and R (..., i, b).

    A vector f is F = ½(1 + i) f + ½(1 − i) fᵀ, so that the elements are Re L_ai R_jb + Im L_aj R_ib.
    """
    rows, columns = left.shape[-2:], right.shape[-2:]
    shape = *left.shape[:-2], rows[0], columns[1], rows[1]
    L, R = left[..., :, None, :], right.swapaxes(-1, -2)[..., None, :, :]
    of_i, of_j = np.empty((*shape, 4)), np.empty((*shape[:-1], 4, columns[0]))
    of_i[..., 0], of_i[..., 1], of_i[..., 2], of_i[..., 3] = L.real, L.imag, R.imag, R.real
    of_j[..., 0, :], of_j[..., 1, :], of_j[..., 2, :], of_j[..., 3, :] = R.real, -R.imag, L.real, L.imag
    return (of_i @ of_j).reshape(*left.shape[:-2], rows[0] * columns[1], -1)


@functools.cache
def _lyapunov(size):
    """The real matrix of g → K g + g K† for K the real and imaginary unit matrices, (2 m m, m m m m)."""
    units = np.eye(size * size).reshape(-1, size, size)
    units = np.concatenate([units, 1j * units])
    one = np.broadcast_to(np.eye(size), units.shape)
    return (sandwich(units, one) + sandwich(one, units.conj().swapaxes(1, 2))).reshape(len(units), -1)


def local(states: np.ndarray, kinds: tuple[Kind, ...]) -> np.ndarray:
    """P: F → U†FU of the functions of each kind, (p, m m, F), from Uᵀ (p, m, i); its transpose is g → U g U†."""
    parts = [states[..., kind.rows] for kind in kinds]
    return np.concatenate([sandwich(part.conj(), part.swapaxes(-1, -2)) for part in parts], axis=-1)


def turned(shells: Shells, matrices: np.ndarray) -> np.ndarray:
    """(M_x U)ᵀ (q, m, x, i) of matrices M (node, x, i, i) on the functions of the impurities."""
    states = shells.states[shells.owners]
    q, m, i = states.shape
    result = np.empty((q, m, matrices.shape[1], i), dtype=complex)
    for node, part in shells.at_nodes:
        result[part] = (states[part].reshape(-1, i) @ matrices[node].reshape(-1, i).T).reshape(-1, m, *result.shape[2:])
    return result


def inside(shells: Shells, turned: np.ndarray) -> np.ndarray:
    """U†MU (q, x, m, m) of (MU)ᵀ (q, m, x, i)."""
    q, m, x, i = turned.shape
    states = shells.states[shells.owners].conj().swapaxes(1, 2)
    blocks = (turned.reshape(q, m * x, i) @ states).reshape(q, m, x, m)  # q, ket, x, bra
    return blocks.transpose(0, 2, 3, 1)


def out_of(shells: Shells, rates: np.ndarray, shifts: np.ndarray, extra_rate: float) -> np.ndarray:
    """Inverse of L: g → K g + g K†, (q, m m, m m).

    Parameters
    ----------
    shells : Shells
    rates, shifts : complex array (q, m, m)
        Γ and h without the deviations of the energies from their mean, eV.
    extra_rate : float
        Isotropic rate besides the impurities, eV.

    Raises
    ------
    InputError
        States that nothing scatters.
    """
    m = shells.size
    one = np.eye(m)
    slowest, fastest = _lowest(rates) + extra_rate, np.abs(rates).max() + extra_rate
    if slowest.min() <= _UNSCATTERED * fastest:
        raise InputError(
            "extra_rate",
            "a number > 0 (eV) that makes all rates positive, as the impurities leave states without scattering (or the third "
            "order of a strong potential makes rates negative: scattering='t-matrix')",
            f"{extra_rate:g}, and a rate of {slowest.min() - extra_rate:.2g} eV beside {fastest:.2g} eV",
        )
    if m == 1:
        return 1.0 / (rates.real + extra_rate)
    shifts = shifts + shells.deviations[shells.owners][:, :, None] * one
    half = (0.5 * rates + 1j * shifts + 0.5 * extra_rate * one).reshape(len(rates), -1)
    operator = np.concatenate([half.real, half.imag], axis=1) @ _lyapunov(m)
    return np.linalg.inv(operator.reshape(-1, m * m, m * m))


def _lowest(matrices):
    """Lowest eigenvalue of each Hermitian matrix (q, m, m)."""
    if matrices.shape[-1] == 1:
        return matrices[:, 0, 0].real
    if matrices.shape[-1] > 2:
        return np.linalg.eigvalsh(matrices)[:, 0]
    first, second = matrices[:, 0, 0].real, matrices[:, 1, 1].real
    return 0.5 * (first + second) - np.hypot(0.5 * (first - second), np.abs(matrices[:, 0, 1]))


def of_kinds(elements: np.ndarray, kinds: tuple[Kind, ...], number: int) -> np.ndarray:
    """Matrices (..., i, i) on all functions from the vectors (..., F) of the kinds, zero between kinds."""
    result = np.zeros((*elements.shape[:-1], number, number), dtype=complex)
    first = 0
    for kind in kinds:
        n = len(kind.rows)
        result[..., kind.rows[:, None], kind.rows] = as_matrices(elements[..., first : first + n * n])
        first += n * n
    return result


def elements_of(matrices: np.ndarray, kinds: tuple[Kind, ...]) -> np.ndarray:
    """The vectors (..., F) of the kinds of Hermitian matrices (..., i, i) on all functions."""
    return np.concatenate([as_vectors(matrices[..., kind.rows[:, None], kind.rows]) for kind in kinds], axis=-1)


def incoming(kinds: tuple[Kind, ...], pairs: tuple) -> np.ndarray:
    """F → 2πc Σ L F R of all kinds, (node, F, F)."""
    sizes = [len(kind.rows) ** 2 for kind in kinds]
    result = np.zeros((len(pairs[0][0][0]), sum(sizes), sum(sizes)))
    first = 0
    for kind, of_kind, size in zip(kinds, pairs, sizes, strict=True):
        part = slice(first, first + size)
        result[:, part, part] = kind.factor * sum(sandwich(left, right) for left, right in of_kind)
        first += size
    return result


def add_by_node(total: np.ndarray, shells: Shells, left: np.ndarray, right: np.ndarray) -> None:
    """Add Σ_q L_qᵀ R_q of matrices (q, m, a) and (q, m, b) at each node to a total (node, a, b)."""
    for node, part in shells.at_nodes:
        total[node] += left[part].reshape(-1, left.shape[-1]).T @ right[part].reshape(-1, right.shape[-1])


@dataclass(frozen=True)
class Equation:
    """The linear equation (1 − R) F = F_0 of every node, and the states that it is made of.

    Attributes
    ----------
    kernel : float array (node, F, F)
        R.
    spectrum : float array (node, F)
        Elements of A: F of a constant g.
    states : float array (node,)
        Σ w |M|.
    count : float array (node, F)
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
            found = lstsq(matrix, source[node], _SINGULAR, overwrite_a=True, check_finite=False, lapack_driver="gelsy")[0]
            if self.extra_rate == 0:
                excess = number[node] + self.count[node] @ found
                found = found - np.outer(self.spectrum[node], excess / self.states[node])
            result[node] = found
        return result
