"""How the states of H(k) are found: a system names its eigensolver in the attribute ``eigensolver``, Hermitian by default.

    Hermitian     U†U = 1,   U†HU = ε                                           electrons
    paraunitary   T†ηT = η,  T†HT = E > 0,  ε̂ = ηE,  H = H† > 0                 bosons, H = ½ Σ_k Ψ†H(k)Ψ, Ψ = (b_k, b†_−k)

(J. H. P. Colpa, Physica A 93, 327 (1978).)  What the metric of the bands means for their matrices: `wb_conserved.geometry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from .. import compiled
from ..errors import InputError
from .eigen import eigh, eigvalsh, packed, unpacked

_ROUNDING = 1e-12  # part of the largest element of a matrix below which a pivot counts as zero


class Eigensolver(ABC):
    """Finds the states of many Hermitian matrices H, packed as real ones (see `eigen`).

    Those of a k point depend on its matrix alone, to the last bit.
    """

    @abstractmethod
    def metric(self, num_wann: int) -> np.ndarray | None:
        """Signs η (n,) of the norms of the bands, the same at all k points; None: all are 1."""

    @abstractmethod
    def solve(self, real: np.ndarray, kpoints: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Energies and states.

        Parameters
        ----------
        real : float array (k, i, j)
            H, packed.
        kpoints : float array (k, 3), optional
            Reduced coordinates, for the messages of errors.

        Returns
        -------
        energies : float array (k, n)
            eV, ascending.
        vectors : complex array (k, i, n)
            In columns.

        Raises
        ------
        InputError
            The solver is not for such matrices.
        numpy.linalg.LinAlgError
            A matrix is not finite.
        """

    @abstractmethod
    def energies(self, real: np.ndarray, kpoints: np.ndarray | None = None) -> np.ndarray:
        """The energies alone; arguments, result and errors as for `solve`."""


@dataclass(frozen=True)
class HermitianSolver(Eigensolver):
    """Orthonormal states of a Hermitian matrix."""

    def metric(self, num_wann):
        return None

    def solve(self, real, kpoints=None):
        return eigh(real)

    def energies(self, real, kpoints=None):
        return eigvalsh(real)


@dataclass(frozen=True)
class ParaunitarySolver(Eigensolver):
    """Bosonic quasiparticles of a positive definite matrix: the first half of the basis are b_k, the second b†_−k.

    With the Cholesky factors H = K†K, the eigenvalues of KηK† are those of ηH, namely ε̂ = ηE, and its eigenvectors U
    give T = ηK†U η|ε̂|^(−1/2).  Bands in ascending order of ε̂ are N of negative norm, holes with ε̂ = −E(−k), and N of
    positive norm: η = 1..., −1... of the basis turns into −1..., 1... of the bands.

    Every R-space matrix X of such a system is that of a form ½ Ψ†XΨ, like H, and X̂ = η(T†XT) that of the operator ηX
    between the states.  For the position that is X = ηr ("AA"), r the positions of the functions.

    Raises
    ------
    InputError
        The number of functions is odd, or a matrix is not positive definite.
    """

    def metric(self, num_wann):
        return np.repeat([-1.0, 1.0], _half(num_wann))

    def solve(self, real, kpoints=None):
        _half(real.shape[1])
        if compiled.useful(real.shape[1]):
            return self._by_kernel(real, kpoints, with_vectors=True)
        return self._by_numpy(real, kpoints)

    def energies(self, real, kpoints=None):
        _half(real.shape[1])
        if compiled.useful(real.shape[1]):
            return self._by_kernel(real, kpoints, with_vectors=False)[0]
        return eigvalsh(_squared(*self._cholesky(real, kpoints)))

    def _by_numpy(self, real, kpoints):
        factor, signs = self._cholesky(real, kpoints)
        energies, vectors = eigh(_squared(factor, signs))
        scale = self.metric(len(signs)) / np.sqrt(np.abs(energies))
        return energies, signs[:, None] * (factor @ vectors) * scale[:, None, :]

    def _by_kernel(self, real, kpoints, with_vectors):
        from ..compiled.paraunitary import paraunitary  # imports numba

        if not np.isfinite(real).all():
            raise np.linalg.LinAlgError("expected finite matrices H(k); found infinity or NaN")
        energies, vectors, positive, converged = paraunitary(np.ascontiguousarray(real), _ROUNDING, with_vectors)
        if not positive.all():
            raise _not_positive(real, kpoints)
        for k in np.flatnonzero(~converged):
            energies[k : k + 1], states = self._by_numpy(real[k : k + 1], kpoints)
            vectors[k : k + with_vectors] = states[:with_vectors]
        return energies, vectors

    def _cholesky(self, real, kpoints):
        """Factors K† (k, i, j) and the signs (i,) of the basis."""
        signs = -self.metric(real.shape[1])
        matrix = unpacked(real)
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise _not_positive(real, kpoints) from None
        pivots = np.square(np.diagonal(factor, axis1=1, axis2=2).real)
        largest = np.diagonal(matrix, axis1=1, axis2=2).real.max(axis=1)
        if np.any(pivots.min(axis=1) <= _ROUNDING * largest):
            raise _not_positive(real, kpoints)
        return factor, signs


def _half(num_wann):
    if num_wann % 2:
        raise InputError("system", "an even number of functions, as many b† as b, for bosons", f"{num_wann}")
    return num_wann // 2


def _squared(factor, signs):
    """KηK†, packed, from K†."""
    return packed((factor.conj().swapaxes(1, 2) * signs) @ factor)


def _not_positive(real, kpoints):
    smallest = eigvalsh(real)[:, 0]
    k = int(np.argmin(smallest))
    place = f"index {k}" if kpoints is None else f"index {k}, k = ({', '.join(f'{x:.6g}' for x in kpoints[k])})"
    return InputError(
        "Hamiltonian",
        "a positive definite matrix H(k) of bosons at every k",
        f"the smallest eigenvalue {smallest[k]:.6g} eV at {place}. Zero is a Goldstone mode, which needs a stated regulator: "
        "an anisotropy or a field in the model, or a mesh without this k; a negative one says that the bosons are not "
        "excitations of a stable ground state",
    )


HERMITIAN = HermitianSolver()
"""The default."""

PARAUNITARY = ParaunitarySolver()
"""For bosons."""


def eigensolver_of(system) -> Eigensolver:
    """The eigensolver that a system names, the Hermitian one by default."""
    return getattr(system, "eigensolver", HERMITIAN)
