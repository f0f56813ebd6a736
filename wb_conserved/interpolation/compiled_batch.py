"""Bloch states for the compiled kernels: matrices several k points at once."""

from __future__ import annotations

import numpy as np

from ..compiled import rotation
from ..compiled.lanes import LANES
from ..compiled.table import KERNELS
from ..operators import Operator, RealSpaceMatrix
from .bloch import InterpolatedBatch, SelectedBatch
from .names import NOT_HERMITIAN


class _Vectors:
    """What batches have in common whose matrices are in the layout of the compiled kernels."""

    kernels = KERNELS

    def vectors_of(self, matrix: np.ndarray) -> np.ndarray:
        """A matrix (k, n, a.., m) in that layout, (g, n, a.., m, 2, LANES)."""
        return rotation.as_vectors(matrix)

    def diagonal_velocity(self, external_terms: bool) -> np.ndarray:
        """Diagonal elements (k, n, a) of the velocity."""
        return rotation.diagonal(self.vectors_of_velocity(external_terms), len(self.energies))


class CompiledBatch(_Vectors, InterpolatedBatch):
    """Interpolated batch with the matrices in the layout of the compiled kernels, see `wb_conserved.compiled.rotation`."""

    def vectors_of_matrix(self, name: str | RealSpaceMatrix, scale: float = 1.0) -> np.ndarray:
        """Hermitian matrix (g, n, a.., m, 2, LANES), times a factor."""
        return self.remember(
            ("vectors", name, scale), lambda: rotation.rotated(self.packed_matrix(name), self.eigenvectors, scale)
        )

    def vectors_of_velocity(self, external_terms: bool) -> np.ndarray:
        """Velocity (g, n, a, m, 2, LANES), see `velocity`."""
        if not external_terms:
            return self.vectors_of_matrix("∂Ham")

        def compute():
            gradient = rotation.rotated(self.packed_matrix("∂Ham"), self.eigenvectors)
            return rotation.velocity(gradient, self.vectors_of_matrix("AA"), self.energies)

        return self.remember("vectors of velocity", compute)

    def vectors_of_operator(self, operator: Operator) -> np.ndarray:
        """Matrix of an observable (g, n, s, m, 2, LANES)."""
        if operator.matrix is not None:
            return self.vectors_of_matrix(operator.matrix, operator.scale)
        return self.remember("vectors of identity", lambda: rotation.identity(*self.energies.shape))

    def selected(self, kpoints):
        """Batch of the k points of all vectors that hold any of those asked for."""
        padded = np.zeros((rotation.groups(len(kpoints)), LANES), dtype=bool)
        padded.reshape(-1)[: len(kpoints)] = kpoints
        groups = padded.any(axis=1)
        kpoints = np.repeat(groups, LANES)[: len(kpoints)]
        return kpoints, _SelectedVectors(self, kpoints, groups)

    def matrix(self, name):
        if name in NOT_HERMITIAN:
            return super().matrix(name)
        return self._as_matrix(name, self.vectors_of_matrix(name))

    def velocity(self, external_terms):
        return self._as_matrix(("velocity", external_terms), self.vectors_of_velocity(external_terms))

    def operator(self, operator):
        return self._as_matrix(operator, self.vectors_of_operator(operator))

    def _as_matrix(self, key, vectors):
        self._interpolator.complex_matrices = True
        return self.remember(("matrix", key), lambda: rotation.matrix(vectors, len(self.energies)))


class _SelectedVectors(_Vectors, SelectedBatch):
    """Some vectors of k points of a `CompiledBatch`."""

    def __init__(self, batch, kpoints, groups):
        super().__init__(batch, kpoints)
        self._groups = groups

    def vectors_of_matrix(self, name, scale=1.0):
        return self.remember(("vectors", name, scale), lambda: self._batch.vectors_of_matrix(name, scale)[self._groups])

    def vectors_of_velocity(self, external_terms):
        key = "vectors of velocity", external_terms
        return self.remember(key, lambda: self._batch.vectors_of_velocity(external_terms)[self._groups])

    def vectors_of_operator(self, operator):
        key = "vectors of operator", operator
        return self.remember(key, lambda: self._batch.vectors_of_operator(operator)[self._groups])
