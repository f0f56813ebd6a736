"""Bloch states for the compiled kernels: matrices several k points at once."""

from __future__ import annotations

import numpy as np

from ..compiled import geometry, rotation
from ..operators import Operator, RealSpaceMatrix
from .bloch import InterpolatedBatch
from .wannier import NOT_HERMITIAN


class CompiledBatch(InterpolatedBatch):
    """Interpolated batch with the matrices in the layout of the compiled kernels, see `wb_conserved.compiled.rotation`."""

    kernels = geometry

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

    def diagonal_velocity(self, external_terms: bool) -> np.ndarray:
        """Diagonal elements (k, n, a) of the velocity."""
        return rotation.diagonal(self.vectors_of_velocity(external_terms), len(self.energies))

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
