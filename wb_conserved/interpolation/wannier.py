"""Fourier interpolation of R-space matrices,

    X_ij(k) = Σ_R e^{ik·R} X_ij(R),   ∂_a X_ij(k) = Σ_R i (R + t_j − t_i)_a e^{ik·R} X_ij(R),

t being the Wannier centres: WannierBerri's convention, whose derivative is the covariant one of the centres.

One matrix product serves all k points of a batch.  Where these lie on lines along the third reciprocal lattice vector,
as on a regular mesh, the sum is done in two steps, first over all R with the same third component R3, once per line,
then over the few values of R3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..operators import RealSpaceMatrix

NOT_HERMITIAN = frozenset({"SR", "SH", "SHR", "SA", "SHA"})
"""R-space matrices that are products with a projection between the factors."""


@dataclass(frozen=True)
class Phases:
    """Exponentials e^{ik·R} of a batch of k points.

    Attributes
    ----------
    across : complex array (k, R), or (line, R)
        Of all three components, or of the first two where the k points form lines.
    along : complex array (line, k of the line, R3) or None
        Of the third component.
    """

    across: np.ndarray
    along: np.ndarray | None


def _equal_lines(kpoints) -> int:
    """Number of lines of equal length, each with one value of the first two components, that the k points form in
    order; their number where they do not."""
    new = np.any(kpoints[1:, :2] != kpoints[:-1, :2], axis=1)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1, [len(kpoints)]])
    return len(starts) - 1 if np.all(np.diff(starts) == starts[1]) else len(kpoints)


class WannierInterpolator:
    """R-space matrices of a system, arranged for interpolation.

    Parameters
    ----------
    system : wannierberri.system.System_R
    build : callable, optional
        Takes a function without arguments and returns an array equal to what that function returns, perhaps read-only
        and shared between processes.  Every large array is obtained so, in the order of need.  By default the function
        is called.

    Notes
    -----
    Every matrix but `NOT_HERMITIAN` is made exactly so, X(R) → ½ [X(R) + X(−R)†], when it is first needed, and kept:
    changes of the system after that are not seen.
    """

    def __init__(self, system, build: Callable[[Callable[[], np.ndarray]], np.ndarray] | None = None):
        self._system = system
        self._build = build or (lambda make: make())
        self.num_wann = system.num_wann
        given = np.asarray(system.rvec.iRvec, dtype=int)
        if len(np.unique(given, axis=0)) != len(given):
            raise ValueError("system: expected each R vector once, found some more often")
        # a list closed under R → −R, ordered by the third component, then the others: −R stands at the mirrored place
        both = np.concatenate([given, -given])[:, [2, 0, 1]]
        ordered, inverse = np.unique(both, axis=0, return_inverse=True)
        self._iRvec = ordered[:, [1, 2, 0]]
        self._given = inverse.reshape(2, -1)[0]  # where the system's R vectors are in this list
        cuts = [0, *(np.flatnonzero(np.diff(self._iRvec[:, 2])) + 1), len(self._iRvec)]
        self._planes = [slice(*cut) for cut in pairwise(cuts)]  # R vectors of equal third component
        self._index = {vector: i for i, vector in enumerate(map(tuple, self._iRvec.tolist()))}
        self._vectors = self._iRvec @ system.real_lattice
        self._stacks: dict[str | RealSpaceMatrix, np.ndarray] = {}

    @property
    def nbytes(self) -> int:
        """Size of the arrays prepared so far."""
        return sum(stack.nbytes for stack in self._stacks.values())

    @property
    def components(self) -> int:
        """Number of matrices prepared so far, each component of a vector or tensor counted."""
        return sum(stack[0, :, ..., 0].size // stack.shape[1] for stack in self._stacks.values())

    def phases(self, kpoints: np.ndarray) -> Phases:
        """Exponentials e^{ik·R} for reduced k points (k, 3), to be used for all matrices."""
        number_of_lines = _equal_lines(kpoints)
        # cost per column of the sum over R at once, and of one direction after the other
        direct = len(kpoints) * len(self._iRvec)
        if number_of_lines * len(self._iRvec) + len(kpoints) * len(self._planes) >= 0.8 * direct:
            return Phases(np.exp(2j * np.pi * (kpoints @ self._iRvec.T)), None)
        first = kpoints.reshape(number_of_lines, -1, 3)[:, 0, :2]
        across = np.exp(2j * np.pi * (first @ self._iRvec[:, :2].T))
        third = np.array([self._iRvec[plane.start, 2] for plane in self._planes])
        along = np.exp(2j * np.pi * kpoints.reshape(number_of_lines, -1, 3)[:, :, 2, None] * third)
        return Phases(across, along)

    def holds(self, matrix: RealSpaceMatrix) -> bool:
        """Whether all R vectors of an observable's own matrix are among those of the system."""
        return all(vector in self._index for vector in map(tuple, matrix.iRvec.tolist()))

    def __call__(self, phases: Phases, name: str | RealSpaceMatrix) -> np.ndarray:
        """Matrix in the Wannier gauge.

        Parameters
        ----------
        phases : Phases
            Of the k points.
        name : str or RealSpaceMatrix
            An R-space matrix ("Ham", "SS", "AA"), its Cartesian derivative ("∂Ham"), the curl of the position
            matrix ("rot AA"), or an observable's own matrix that the R vectors hold.

        Returns
        -------
        complex array (k, i, a.., j)
        """
        if name not in self._stacks:
            self._stacks[name] = self._build(lambda: np.ascontiguousarray(np.moveaxis(self._real_space(name), 2, -1)))
        shape = self._stacks[name].shape[1:]
        stack = self._stacks[name].reshape(len(self._iRvec), -1)
        if phases.along is None:
            return (phases.across @ stack).reshape(-1, *shape)
        planes = np.stack([phases.across[:, plane] @ stack[plane] for plane in self._planes], axis=1)  # line R3 ij
        return (phases.along @ planes).reshape(-1, *shape)

    def _real_space(self, name):
        """Matrix (R, i, j, a..)."""
        if isinstance(name, RealSpaceMatrix):
            matrix = np.zeros((len(self._iRvec), *name.matrix.shape[1:]), dtype=complex)
            matrix[[self._index[vector] for vector in map(tuple, name.iRvec.tolist())]] = name.matrix
            return matrix
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
        if name in NOT_HERMITIAN:
            return matrix
        return 0.5 * (matrix + matrix[::-1].swapaxes(1, 2).conj())
