"""Fourier interpolation of R-space matrices,

    X_ij(k) = Σ_R e^{ik·R} X_ij(R),   ∂_a X_ij(k) = Σ_R i (R + t_j − t_i)_a e^{ik·R} X_ij(R),

t being the Wannier centres: WannierBerri's convention, whose derivative is the covariant one of the centres.

For Hermitian X, that is X(−R) = X(R)†, only half of the R vectors is needed, and real arithmetic does,

    X(k) = Σ_{R>0} [cos(k·R) A_R + sin(k·R) B_R],   A = X(R) + X(R)†,  B = i [X(R) − X(R)†]   (at R = 0: A = X, B = 0)

since A and B are Hermitian and each is kept as the real matrix P = Re A + Im A, see `eigen`.  Other matrices are
X = H + i H', with H and H' Hermitian.

One matrix product serves all k points of a batch.  Where these lie on lines along one reciprocal lattice vector, as on a
regular mesh, the sum is done in two steps, first over all R with the same component along the line, once per line, then
over the few values of this component.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..operators import Operator, RealSpaceMatrix
from .corners import CornerEnergies
from .eigen import packed, unpacked
from .eigensolvers import eigensolver_of
from .names import DERIVED, NOT_HERMITIAN

_TOGETHER = 16  # k points of a matrix product for energies alone


@dataclass(frozen=True)
class Phases:
    """Cosines and sines of k·R of a batch of k points.

    Attributes
    ----------
    across : float array (k, 2R), or (2 line, 2R)
        Coefficients of A_R and B_R.  Where the k points form lines, of the components of R across them: for each line
        those of the term with the cosine along it, and with the sine.
    along : float array (line, k of the line, 2 plane) or None
        Cosine and sine along the line.
    """

    across: np.ndarray
    along: np.ndarray | None


def _equal_lines(kpoints, axis) -> int:
    """Number of lines of equal length along one axis that the k points form in order; their number where they do not."""
    across = np.delete(kpoints, axis, axis=1)
    new = np.any(across[1:] != across[:-1], axis=1)
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

    Attributes
    ----------
    eigensolver : Eigensolver
        The attribute `eigensolver` of the system, Hermitian where there is none.
    metric : float array (n,) or None
        Signs of the norms of its bands.

    Notes
    -----
    `complex_matrices` becomes true when a batch makes matrices of complex numbers for geometry without compiled kernels, by
    which the memory that a batch takes is estimated.

    Every matrix but `NOT_HERMITIAN` is made exactly Hermitian, X(R) → ½ [X(R) + X(−R)†], when it is first needed, and
    kept: changes of the system after that are not seen.
    """

    def __init__(self, system, build: Callable[[Callable[[], np.ndarray]], np.ndarray] | None = None):
        self._system = system
        self._build = build or (lambda make: make())
        self.num_wann = system.num_wann
        self.eigensolver = eigensolver_of(system)
        self.metric = self.eigensolver.metric(self.num_wann)
        self.complex_matrices = False
        given = np.asarray(system.rvec.iRvec, dtype=int)
        if len(np.unique(given, axis=0)) != len(given):
            raise ValueError("system: expected each R vector once, found some more often")
        # lines run along the last direction with R vectors: the fastest index of a regular mesh
        self._axis = int(np.max(np.flatnonzero(np.any(given != 0, axis=0)), initial=0))
        # a list closed under R → −R, ordered by the component along the lines, then the others: R = 0 in the middle,
        # −R at the mirrored place
        order = [self._axis, *(axis for axis in range(3) if axis != self._axis)]
        ordered, inverse = np.unique(np.concatenate([given, -given])[:, order], axis=0, return_inverse=True)
        self._iRvec = ordered[:, np.argsort(order)]
        self._given = inverse.reshape(2, -1)[0]  # where the system's R vectors are in this list
        self._half = self._iRvec[len(self._iRvec) // 2 :]
        cuts = [0, *(np.flatnonzero(np.diff(self._half[:, self._axis])) + 1), len(self._half)]
        self._planes = [slice(*cut) for cut in pairwise(cuts)]  # R vectors of equal component along the lines
        self._index = {vector: i for i, vector in enumerate(map(tuple, self._iRvec.tolist()))}
        self._stacks: dict[str | RealSpaceMatrix, np.ndarray] = {}
        self._corners = CornerEnergies()
        self._operators: dict[Operator, Operator] = {}

    @property
    def names(self) -> list[str | RealSpaceMatrix]:
        """Matrices prepared so far."""
        return list(self._stacks)

    def of_system(self, operator: Operator) -> Operator:
        """An observable with what it takes from the system, found once."""
        if operator not in self._operators:
            self._operators[operator] = operator.of_system(self._system)
        return self._operators[operator]

    @property
    def nbytes(self) -> int:
        """Size of the arrays prepared so far."""
        return sum(stack.nbytes for stack in self._stacks.values())

    @property
    def preparation_nbytes(self) -> int:
        """Size of the arrays that are made on the way to one of those."""
        return 16 * 12 * len(self._iRvec) * self.num_wann**2

    @property
    def components(self) -> int:
        """Number of Hermitian matrices prepared so far, each component of a vector or tensor counted."""
        return sum(stack[0, 0].size for stack in self._stacks.values()) // self.num_wann**2

    def phases(self, kpoints: np.ndarray) -> Phases:
        """Cosines and sines for reduced k points (k, 3), to be used for all matrices."""
        lines, size, planes = _equal_lines(kpoints, self._axis), len(self._half), len(self._planes)
        # cost per column of the sum over R at once, and of one direction after the other
        if 2 * lines * size + len(kpoints) * planes >= 0.8 * len(kpoints) * size:
            return Phases(_cosine_and_sine(kpoints @ self._half.T).reshape(len(kpoints), -1), None)
        by_line = kpoints.reshape(lines, -1, 3)
        first, half = by_line[:, 0].copy(), self._half
        first[:, self._axis] = 0.0
        cosine = _cosine_and_sine(first @ half.T)
        sine = np.stack([-cosine[..., 1], cosine[..., 0]], axis=-1)
        component = half[[plane.start for plane in self._planes], self._axis]
        along = _cosine_and_sine(by_line[:, :, self._axis, None] * component)
        return Phases(np.stack([cosine, sine], axis=1).reshape(2 * lines, -1), along.reshape(lines, -1, 2 * planes))

    def has(self, name: str) -> bool:
        """Whether the system has an R-space matrix of that name."""
        return self._system.has_R_mat(name)

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
        hermitian, *rest = (unpacked(part) for part in self.parts(phases, name))
        return hermitian + 1j * rest[0] if rest else hermitian

    def parts(self, phases: Phases, name: str | RealSpaceMatrix) -> list[np.ndarray]:
        """The same as packed Hermitian matrices (k, i, a.., j): one, or H and H' of X = H + i H'."""
        stack = self._prepared(name)
        shape, columns = stack.shape[2:], stack.reshape(2 * len(self._half), -1)
        if phases.along is None:
            result = phases.across @ columns
        else:
            lines = len(phases.along)
            planes = np.empty((lines, len(self._planes), 2, columns.shape[1]))
            for i, plane in enumerate(self._planes):
                rows = slice(2 * plane.start, 2 * plane.stop)
                planes[:, i] = (phases.across[:, rows] @ columns[rows]).reshape(lines, 2, -1)
            result = phases.along @ planes.reshape(lines, -1, columns.shape[1])
        result = result.reshape(-1, *shape)
        return [result[:, part] for part in range(shape[0])]

    def band_energies(self, kpoints: np.ndarray) -> np.ndarray:
        """Energies (k, n), eV, ascending, at any k points; to the last bit, those of a k point depend on it alone."""
        padded = np.zeros((-(-len(kpoints) // _TOGETHER) * _TOGETHER, 3))
        padded[: len(kpoints)] = kpoints
        # matrix products of one size, whatever the number of k points
        across = _cosine_and_sine(padded @ self._half.T).reshape(-1, _TOGETHER, 2 * len(self._half))
        matrices = across @ self._prepared("Ham").reshape(across.shape[2], -1)
        matrices = matrices.reshape(-1, self.num_wann, self.num_wann)[: len(kpoints)]
        return self.eigensolver.energies(matrices, kpoints)

    def corner_energies(self, kpoints: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Energies (k, 8, n) at the corners of cells of some extent around k points, see `CornerEnergies`."""
        return self._corners(self.band_energies, kpoints, cell)

    def _prepared(self, name):
        """`_stack`, made once."""
        if name not in self._stacks:
            self._stacks[name] = self._build(lambda: self._stack(name))
        return self._stacks[name]

    def _stack(self, name):
        """Packed A_R and B_R of the Hermitian parts, (half of R, 2, parts, i, a.., j)."""
        size, middle, n = len(self._half), len(self._iRvec) // 2, self.num_wann
        parts = 2 if name in NOT_HERMITIAN else 1
        stack = np.empty((size, 2, parts, n, *self._axes(name), n))
        for index, matrix in self._components(name):  # one at a time, which takes less memory
            opposite = np.swapaxes(matrix[::-1], 1, 2).conj()
            hermitian = [0.5 * (matrix + opposite)]
            if parts == 2:
                hermitian.append(-0.5j * (matrix - opposite))
            for i, part in enumerate(hermitian):
                half, adjoint = part[middle:], part[middle::-1]
                stack[(slice(None), 0, i, slice(None), *index)] = packed(half + adjoint)
                stack[(slice(None), 1, i, slice(None), *index)] = packed(1j * (half - adjoint))
        stack[0, 0] *= 0.5
        return stack

    def _axes(self, name) -> tuple[int, ...]:
        """Lengths of the Cartesian axes a.. of a matrix."""
        if isinstance(name, RealSpaceMatrix):
            return name.matrix.shape[3:]
        derived = DERIVED.get(name)
        if derived is not None:
            return (3,) if derived.curl else (*self._axes(derived.source), 3)
        return self._system.get_R_mat(name).shape[3:]

    def _components(self, name):
        """Index of each component and its matrix (R, i, j) for the closed list of R vectors."""
        derived = DERIVED.get(name)
        if derived is not None and derived.curl:
            position = dict(self._components(derived.source))
            for c, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
                yield (c,), 1j * (self._vectors(a) * position[b,] - self._vectors(b) * position[a,])
            return
        if derived is not None:
            for index, matrix in self._components(derived.source):
                for a in range(3):
                    yield (*index, a), 1j * self._vectors(a) * matrix
            return
        if isinstance(name, RealSpaceMatrix):
            given, place = name.matrix, [self._index[vector] for vector in map(tuple, name.iRvec.tolist())]
        else:
            given, place = self._system.get_R_mat(name), self._given
        for index in np.ndindex(given.shape[3:]):
            matrix = np.zeros((len(self._iRvec), *given.shape[1:3]), dtype=complex)
            matrix[place] = given[(..., *index)]
            yield index, matrix

    def _vectors(self, a):
        """Component (R, i, j) of R + t_j − t_i."""
        centres = self._system.wannier_centers_cart[:, a]
        return (self._iRvec @ self._system.real_lattice[:, a])[:, None, None] + centres - centres[:, None]


def _cosine_and_sine(turns):
    """cos 2πx and sin 2πx on a new last axis."""
    phase = np.exp(2j * np.pi * turns)
    return np.stack([phase.real, phase.imag], axis=-1)
