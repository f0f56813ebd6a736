"""Eigenvalues and eigenvectors of many Hermitian matrices, packed as real ones.

P = Re X + Im X,   X = ½ (P + Pᵀ) + ½ i (P − Pᵀ)
"""

from __future__ import annotations

import numpy as np

from .. import compiled


def packed(matrix: np.ndarray) -> np.ndarray:
    """Real array P = Re X + Im X that holds a Hermitian matrix."""
    return matrix.real + matrix.imag


def unpacked(real: np.ndarray) -> np.ndarray:
    """Hermitian matrix X = ½ (P + Pᵀ) + ½ i (P − Pᵀ) from P (k, i, a.., j)."""
    transposed = np.swapaxes(real, 1, -1)
    matrix = np.empty(real.shape, dtype=complex)
    matrix.real = 0.5 * (real + transposed)
    matrix.imag = 0.5 * (real - transposed)
    return matrix


def eigh(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of Hermitian matrices.

    Parameters
    ----------
    real : float array (k, i, j)
        Packed.

    Returns
    -------
    energies : float array (k, n)
        Ascending; those of a k point depend on its matrix alone, to the last bit.
    vectors : complex array (k, i, n)
        In columns.

    Raises
    ------
    numpy.linalg.LinAlgError
        No convergence: a matrix is not finite.
    """
    if not compiled.useful(real.shape[1]):
        energies, vectors = np.linalg.eigh(unpacked(real))
        return energies, np.ascontiguousarray(vectors)
    energies, vectors, converged = _kernel()(np.ascontiguousarray(real), True)
    if not converged.all():
        energies[~converged], vectors[~converged] = np.linalg.eigh(unpacked(real[~converged]))
    return energies, vectors


def eigvalsh(real: np.ndarray) -> np.ndarray:
    """The eigenvalues alone; arguments, result and errors as for `eigh`."""
    if not compiled.useful(real.shape[1]):
        return np.linalg.eigvalsh(unpacked(real))
    energies, _, converged = _kernel()(np.ascontiguousarray(real), False)
    if not converged.all():
        energies[~converged] = np.linalg.eigvalsh(unpacked(real[~converged]))
    return energies


def _kernel():
    from ..compiled.eigen import eigh  # imports numba

    return eigh
