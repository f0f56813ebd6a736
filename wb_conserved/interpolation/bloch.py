"""Bloch states of a batch of k points: energies and operator matrices in the Hamiltonian gauge, each computed once and
shared by all calculators that see the batch."""

from __future__ import annotations

import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry.algebra import product, with_adjoint
from ..geometry.berry import cyclic_products
from ..operators import Operator, RealSpaceMatrix
from .eigen import packed
from .eigensolvers import HERMITIAN, eigensolver_of
from .names import DERIVED, NOT_HERMITIAN
from .wannier import WannierInterpolator

_ELEMENTS_PER_MATRIX = 200 * 18 * 18  # k points of a batch × squared number of bands: overheads are small, memory too
_VECTOR = 8  # k points in the vector registers of a processor, or a multiple of that
_MATRICES_OF_GEOMETRY = 56  # complex matrices per k point that geometry keeps and makes on the way
_MATRICES_OF_KERNELS = 8  # that compiled kernels do
_NUMBERS_OF_BANDS = 120  # and numbers per band


def kpoints_together(num_wann: int) -> int:
    """Number of k points of a batch that suits a number of Wannier functions: whole vectors of the compiled kernels."""
    return max(1, round(_ELEMENTS_PER_MATRIX / num_wann**2 / _VECTOR)) * _VECTOR


def line_length(grid_shape) -> int:
    """Number of k points on the lines that those of a regular grid (last index fastest) form in order."""
    return next((int(n) for n in reversed(grid_shape) if n > 1), 1)


def batch_slices(grid_shape, num_wann: int, largest: int | None = None) -> Slices:
    """Parts of the k points of a regular grid (last index fastest) to treat together: lines, or equal parts of a line.

    Parameters
    ----------
    grid_shape : three ints
    num_wann : int
        Number of Wannier functions.
    largest : int, optional
        Largest number of k points of a part.

    Returns
    -------
    Slices
    """
    size = kpoints_together(num_wann)
    if largest is not None:
        size = max(1, min(size, largest))
    line = line_length(grid_shape)
    lines = math.prod(int(n) for n in grid_shape) // line
    at_once = max(1, size // line)
    if at_once == 1:
        return Slices(line, -(-line // size), 1, lines)
    return Slices(lines, -(-lines // at_once), line, 1)


class Slices(Sequence):
    """A length cut into parts that are equal but for rounding, again and again; made when they are asked for.

    Parameters
    ----------
    length, parts : int
    unit : int
        What the length counts.
    times : int
        How often it is repeated.
    """

    def __init__(self, length: int, parts: int, unit: int, times: int):
        self._length, self._parts, self._unit, self._times = length, parts, unit, times

    @property
    def largest(self) -> int:
        """Length of the longest of them."""
        return -(-self._length // self._parts) * self._unit

    def __len__(self):
        return self._parts * self._times

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        turn, part = divmod(range(len(self))[index], self._parts)
        start, stop = (round(i * (self._length / self._parts)) for i in (part, part + 1))
        first = turn * self._length
        return slice((first + start) * self._unit, (first + stop) * self._unit)


def working_bytes_per_kpoint(interpolator: WannierInterpolator) -> int:
    """Estimate of the peak working memory per k point of a batch, from the matrices prepared so far."""
    n = interpolator.num_wann
    geometry = _MATRICES_OF_GEOMETRY if interpolator.complex_matrices else _MATRICES_OF_KERNELS
    return 16 * n**2 * (2 * interpolator.components + geometry) + 8 * n * _NUMBERS_OF_BANDS


class BlochBatch(ABC):
    """Energies and matrices of some k points.

    Attributes
    ----------
    energies : float array (k, n)
        eV, ascending.
    metric : float array (n,) or None
        Signs of the norms of the bands, see `wb_conserved.geometry`; None: all are 1.
    kernels : mapping of str to callable
        Functions of a band geometry that take the place of those of `wb_conserved.calculators.band_quantities`, by the
        name of the quantity, where the batch provides what they take.
    """

    energies: np.ndarray
    metric: np.ndarray | None = None
    kernels: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})

    def __init__(self):
        self._memory: dict[Hashable, Any] = {}

    def remember(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Result of `compute`, evaluated once per key."""
        if key not in self._memory:
            self._memory[key] = compute()
        return self._memory[key]

    def selected(self, kpoints: np.ndarray) -> tuple[np.ndarray, BlochBatch]:
        """Batch of some k points, or a few more: which ones (k,), bool, and the batch, which this one has to outlive."""
        return kpoints, SelectedBatch(self, kpoints)

    def part(self, kpoints: np.ndarray) -> BlochBatch:
        """Batch of some k points (k,), bool, alone, whose matrices are not made for the others where these are many; this one
        has to outlive it."""
        return SelectedBatch(self, kpoints)

    def forget(self) -> None:
        """Drop all matrices; the batch cannot be used any more."""
        vars(self).clear()

    @property
    @abstractmethod
    def eigenvectors(self) -> np.ndarray:
        """Coefficients (k, i, n) of the states in the basis of Wannier functions."""

    @abstractmethod
    def matrix(self, name: str | RealSpaceMatrix) -> np.ndarray:
        """Matrix (k, n, a.., m) by the name that `WannierInterpolator` uses, or that of an observable."""

    def has_matrix(self, name: str) -> bool:
        """Whether there is an R-space matrix of that name."""
        return False

    def corner_energies(self) -> np.ndarray:
        """Band energies (k, 8, n), eV, at the corners of the cell of each k point, see `CornerEnergies`.

        Raises
        ------
        InputError
            The k points belong to no regular grid, and have no cells.
        """
        raise InputError("tetra", "the k points of a regular grid, which have cells", "others")

    def velocity(self, external_terms: bool) -> np.ndarray:
        """Velocity v^a_nm = <n|∂_a H|m> + i (ε_n − ε_m) r^a_nm, eV Å, shape (k, n, a, m); r only with external terms."""
        if not external_terms:
            return self.matrix("∂Ham")

        return self.remember("velocity", lambda: self._velocity(self.matrix))

    def _velocity(self, matrix):
        """The velocity from matrices, or a half of it from their halves h, as i (ε_n − ε_m) h_nm is a half of that with r."""
        difference = self.energies[:, :, None] - self.energies[:, None, :]
        velocity = matrix("AA") * (1j * difference)[:, :, None, :]
        velocity += matrix("∂Ham")
        return velocity

    def velocity_derivative(self, external_terms: bool) -> np.ndarray:
        """Derivative w^{la} = ∂_l v^a of the velocity operator, eV Å², shape (k, n, l, a, m).

        In the Wannier gauge v^a = ∂_a H − i [r^a, H] and ∂_l v^a → ∂_l v^a − i [r^l, v^a].
        """

        def compute():
            result = self.matrix("∂∂Ham").swapaxes(2, 3)
            if not external_terms:
                return result
            position, difference = self.matrix("AA"), self.energies[:, :, None] - self.energies[:, None, :]
            # −i [∂_l r^a, H]_nm = i (ε_n − ε_m) (∂_l r^a)_nm
            result = result + 1j * difference[:, :, None, None, :] * self.matrix("∂AA").swapaxes(2, 3)
            half = -1j * product(position, self.matrix("∂Ham")).swapaxes(2, 3)  # −i r^a ∂_l H, k n l a m
            half += -1j * product(position, self.velocity(True))  # −i r^l v^a
            return result + with_adjoint(half, metric=self.metric)

        return self.remember(("velocity derivative", external_terms), compute)

    def operator(self, operator: Operator) -> np.ndarray:
        """Matrix of an observable, shape (k, n, s, m); the identity counts (quasi)particles."""

        def compute():
            if operator.matrix is None:
                k, n = self.energies.shape
                return np.broadcast_to(np.eye(n, dtype=complex)[None, :, None, :], (k, n, 1, n))
            matrix = self.matrix(operator.matrix)
            return matrix if operator.scale == 1 else operator.scale * matrix

        return self.remember(operator, compute)

    def subspace(self) -> np.ndarray:
        """Matrix Y (k, n, c, m), Å², the Hermitian part of 2i Y^c being the curvature of the space of Wannier functions,
        F^c = ∂_a r^b − ∂_b r^a − i [r^a, r^b]."""

        def compute():
            products = cyclic_products(self.matrix("AA"))
            return np.subtract(self._half_curl(), products, out=products)

        return self.remember("subspace", compute)

    def _half_curl(self):
        """Matrix Y, the Hermitian part of 2i Y being ∂_a r^b − ∂_b r^a."""
        return -0.5j * self.matrix("rot AA")


def _half_rotated(real, vectors, constant=0.5 + 0.5j, metric=None):
    """Half H of a Hermitian matrix, packed (k, i, a.., j), in the basis of eigenvectors U (k, i, n), (k, n, a.., m).

    The matrix is X = c P + (c P)† with c = ½ (1 + i), so that U†XU = H + H† with H = c U†PU, P being real.
    Another constant takes the place of c.  With a metric η this is a half of η U†XU.
    """
    k, n, *a, _ = real.shape
    right = (real.reshape(k, -1, n) @ vectors.view(float)).view(complex)  # one real product for Re U and Im U
    left = constant * vectors.conj().swapaxes(1, 2)
    if metric is not None:
        left *= metric[:, None]
    return (left @ right.reshape(k, n, -1)).reshape(k, n, *a, n)


class InterpolatedBatch(BlochBatch):
    """Batch interpolated from R-space matrices.

    Parameters
    ----------
    interpolator : WannierInterpolator
    kpoints : float array (k, 3)
        Reduced coordinates.
    cell : float array (3,), optional
        Extent of the cell of each k point, reduced coordinates; None: they have none.
    """

    def __init__(self, interpolator, kpoints, cell=None):
        super().__init__()
        self._interpolator, self._kpoints, self._cell = interpolator, kpoints, cell
        self.metric = interpolator.metric
        self._matrices: dict[str | RealSpaceMatrix, np.ndarray] = {}
        self._halves: dict[str | RealSpaceMatrix, np.ndarray] = {}

    @cached_property
    def _phases(self):
        return self._interpolator.phases(self._kpoints)

    @cached_property
    def _eigen(self):
        return self._interpolator.eigensolver.solve(self.packed_matrix("Ham"), self._kpoints)

    def part(self, kpoints):
        part = type(self)(self._interpolator, self._kpoints[kpoints], self._cell)
        vars(part)["_eigen"] = tuple(array[kpoints] for array in self._eigen)
        return part

    @property
    def energies(self):
        return self._eigen[0]

    @property
    def eigenvectors(self):
        return self._eigen[1]

    def has_matrix(self, name):
        return self._interpolator.has(name)

    def corner_energies(self):
        if self._cell is None:
            return super().corner_energies()
        return self._interpolator.corner_energies(self._kpoints, self._cell)

    def matrix(self, name):
        self._interpolator.complex_matrices = True
        if name not in self._matrices:
            if name in NOT_HERMITIAN:
                parts = self._interpolator.parts(self._phases, name)
                hermitian, rest = (self._with_adjoint(self._half_rotated(part)) for part in parts)
                self._matrices[name] = hermitian + 1j * rest
            else:
                self._matrices[name] = self._with_adjoint(self.half(name))
        return self._matrices[name]

    def half(self, name: str | RealSpaceMatrix) -> np.ndarray:
        """Half H of a Hermitian matrix H + H†, which is cheaper where a sum of matrices is wanted."""
        if name not in self._halves:
            self._halves[name] = self._half_rotated(self.packed_matrix(name))
        return self._halves[name]

    def _half_curl(self):
        return self._half_rotated(self.packed_matrix("rot AA"), 0.5 - 0.5j)  # −i c

    def packed_matrix(self, name: str | RealSpaceMatrix) -> np.ndarray:
        """Hermitian matrix in the Wannier gauge, packed (k, i, a.., j)."""
        if isinstance(name, RealSpaceMatrix) and (name.constant or not self._interpolator.holds(name)):
            return packed(name.interpolate(self._kpoints))
        (part,) = self._interpolator.parts(self._phases, name)
        return part

    def velocity(self, external_terms):
        if not external_terms:
            return self.matrix("∂Ham")
        return self.remember("velocity", lambda: self._with_adjoint(self._velocity(self.half)))

    def _half_rotated(self, real, constant=0.5 + 0.5j):
        return _half_rotated(real, self.eigenvectors, constant, self.metric)

    def _with_adjoint(self, half):
        return with_adjoint(half, metric=self.metric)


class ProvidedBatch(BlochBatch):
    """All k points of a ``Data_K`` that provides its own matrices through ``E_K`` and ``Xbar``."""

    def __init__(self, data_K):
        super().__init__()
        if eigensolver_of(data_K.system) != HERMITIAN:
            raise InputError("system", "R-space matrices, for an eigensolver of its own", f"{type(data_K).__name__}")
        self._data_K = data_K

    @property
    def energies(self):
        return self._data_K.E_K

    @property
    def eigenvectors(self):
        return np.ascontiguousarray(self._data_K.UU_K)

    def corner_energies(self):
        if getattr(self._data_K.Kpoint, "dK_fullBZ", None) is None:
            return super().corner_energies()
        return self._data_K.E_K_corners_parallel().reshape(self._data_K.nk, 8, -1)

    def matrix(self, name):
        if isinstance(name, RealSpaceMatrix):
            return with_adjoint(_half_rotated(packed(name.interpolate(self._data_K.kpoints_all)), self.eigenvectors))
        derivatives, derived = 0, DERIVED.get(name)
        if derived is not None and derived.curl:
            return np.moveaxis(self._data_K.Xbar(f"rot{derived.source}"), 2, -1)
        while derived is not None:
            name, derivatives, derived = derived.source, derivatives + 1, DERIVED.get(derived.source)
        return np.moveaxis(self._data_K.Xbar(name, derivatives), 2, -1)


class SelectedBatch(BlochBatch):
    """Some k points of another batch, which may keep this one and has to outlive it, see `BlochBatch.selected`.

    Parameters
    ----------
    batch : BlochBatch
    selection : bool array (k,)
    """

    def __init__(self, batch: BlochBatch, selection: np.ndarray):
        super().__init__()
        self._batch, self._selection = weakref.proxy(batch), selection
        self.energies, self.metric = batch.energies[selection], batch.metric

    @property
    def eigenvectors(self):
        return self._batch.eigenvectors[self._selection]

    def has_matrix(self, name):
        return self._batch.has_matrix(name)

    def matrix(self, name):
        return self._batch.matrix(name)[self._selection]

    def corner_energies(self):
        return self._batch.corner_energies()[self._selection]

    def velocity(self, external_terms):
        return self.remember(("v", external_terms), lambda: self._batch.velocity(external_terms)[self._selection])

    def operator(self, operator):
        return self.remember(operator, lambda: self._batch.operator(operator)[self._selection])

    def subspace(self):
        return self.remember("subspace", lambda: self._batch.subspace()[self._selection])

    def velocity_derivative(self, external_terms):
        def compute():
            return self._batch.velocity_derivative(external_terms)[self._selection]

        return self.remember(("w", external_terms), compute)
