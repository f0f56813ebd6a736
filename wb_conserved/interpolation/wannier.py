"""Fourier interpolation of R-space matrices,

    X_ij(k) = Σ_R e^{ik·R} X_ij(R),   ∂_a X_ij(k) = Σ_R i (R + t_j − t_i)_a e^{ik·R} X_ij(R),

t being the Wannier centres: WannierBerri's convention, whose derivative is the covariant one of the centres.
One matrix product serves all k points of a batch.
"""

from __future__ import annotations

import numpy as np


class WannierInterpolator:
    """R-space matrices of a system, arranged for interpolation.

    Parameters
    ----------
    system : wannierberri.system.System_R

    Notes
    -----
    Every matrix is made exactly Hermitian, X(R) → ½ [X(R) + X(−R)†], when it is first needed, and kept: changes of the
    system after that are not seen.
    """

    def __init__(self, system):
        self._system = system
        given = np.asarray(system.rvec.iRvec, dtype=int)
        if len(np.unique(given, axis=0)) != len(given):
            raise ValueError("system: expected each R vector once, found some more often")
        self._iRvec, inverse = np.unique(np.concatenate([given, -given]), axis=0, return_inverse=True)
        self._given = inverse.reshape(2, -1)[0]  # where the system's R vectors are in this list, closed under R → −R
        self._vectors = self._iRvec @ system.real_lattice
        self._stacks: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {}

    def phases(self, kpoints: np.ndarray) -> np.ndarray:
        """e^{ik·R} for reduced k points (k, 3), shape (k, R)."""
        return np.exp(2j * np.pi * (kpoints @ self._iRvec.T))

    def __call__(self, phases: np.ndarray, name: str) -> np.ndarray:
        """Matrix in the Wannier gauge.

        Parameters
        ----------
        phases : complex array (k, R)
            See `phases`.
        name : str
            An R-space matrix ("Ham", "SS", "AA"), its Cartesian derivative ("∂Ham"), or the curl of the position
            matrix ("rot AA").

        Returns
        -------
        complex array (k, i, a.., j)
        """
        if name not in self._stacks:
            matrix = np.moveaxis(self._real_space(name), 2, -1)
            self._stacks[name] = np.ascontiguousarray(matrix).reshape(len(matrix), -1), matrix.shape[1:]
        stack, shape = self._stacks[name]
        return (phases @ stack).reshape(-1, *shape)

    def _real_space(self, name):
        """Matrix (R, i, j, a..)."""
        if name == "rot AA":
            derivative = self._real_space("∂AA")  # R i j b a: ∂_a r_b
            return np.stack([derivative[..., b, a] - derivative[..., a, b] for a, b in ((1, 2), (2, 0), (0, 1))], -1)
        if name.startswith("∂"):
            matrix = self._real_space(name[1:])
            centres = self._system.wannier_centers_cart
            vectors = self._vectors[:, None, None, :] + centres[None, None, :, :] - centres[None, :, None, :]
            vectors = vectors.reshape(*vectors.shape[:3], *(1,) * (matrix.ndim - 3), 3)
            return 1j * vectors * matrix[..., None]
        given = self._system.get_R_mat(name)
        matrix = np.zeros((len(self._iRvec), *given.shape[1:]), dtype=complex)
        matrix[self._given] = given
        # the list is sorted and closed under R → −R, so that −R stands at the mirrored place
        return 0.5 * (matrix + matrix[::-1].swapaxes(1, 2).conj())
