"""A batch of Bloch states made by hand, from arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..geometry.algebra import adjoint
from ..operators import Operator, RealSpaceMatrix
from .bloch import BlochBatch
from .names import NOT_HERMITIAN

_ACCURACY = 1e-8  # to which matrices have to be Hermitian, relative to the largest element


class ArrayBatch(BlochBatch):
    """Energies and matrices as given, for geometry without a system: models in closed form, and tests.

    Parameters
    ----------
    energies : float array (k, n)
        eV, ascending; with a metric ε̂ = ηE.
    velocity : complex array (k, n, 3, m)
        eV Å; the same with external terms and without.
    operators : mapping
        Matrices (k, n, s, m) of observables, by `Operator`, or (k, n, a.., m) by the name of the R-space matrix that they
        take the place of ("SS": Pauli matrices).  The identity need not be among them.
    metric : array (n,), optional
        Signs η of the bands, see `wb_conserved.geometry`, where matrices are X̂.
    velocity_derivative : complex array (k, n, 3, 3, m), optional
        w^{la} = ∂_l v^a, eV Å², k n l a m.
    subspace : complex array (k, n, 3, m), optional
        See `BlochBatch.subspace`, Å².
    eigenvectors : complex array (k, i, n), optional

    Raises
    ------
    InputError
        Shapes that do not fit together, energies out of order, a metric other than ±1, or a velocity or observable that is
        not Hermitian (in the sense of the metric).  Later, what is asked for was not given.
    """

    def __init__(
        self,
        energies,
        velocity,
        operators: Mapping[Operator | RealSpaceMatrix | str, np.ndarray],
        *,
        metric=None,
        velocity_derivative=None,
        subspace=None,
        eigenvectors=None,
    ):
        super().__init__()
        self.energies = np.asarray(energies, dtype=float)
        if self.energies.ndim != 2:
            raise InputError("energies", "an array (k, n)", f"shape {self.energies.shape}")
        if np.any(np.diff(self.energies, axis=1) < 0):
            raise InputError("energies", "bands in ascending order", "others")
        n_bands = self.energies.shape[1]
        if metric is not None:
            metric = np.asarray(metric, dtype=float)
            if metric.shape != (n_bands,) or not np.all(np.abs(metric) == 1):
                raise InputError("metric", f"{n_bands} signs ±1, one per band", f"{metric}")
        self.metric = metric
        self._v = self._hermitian("velocity", self._matrix("velocity", velocity, 3))
        self._given = {}
        for key, matrix in operators.items():
            name, axes = (key.name, "s") if isinstance(key, Operator) else (f"{key}", "")
            matrix = self._matrix(name, matrix, *axes)
            self._given[key] = matrix if key in NOT_HERMITIAN else self._hermitian(name, matrix)
        self._velocity_derivative = self._matrix("velocity_derivative", velocity_derivative, 3, 3)
        self._subspace = self._matrix("subspace", subspace, 3)
        self._eigenvectors = None if eigenvectors is None else np.asarray(eigenvectors, dtype=complex)
        if self._eigenvectors is not None and (
            self._eigenvectors.ndim != 3 or self._eigenvectors.shape[::2] != self.energies.shape
        ):
            k, n = self.energies.shape
            raise InputError("eigenvectors", f"an array ({k}, i, {n})", f"shape {self._eigenvectors.shape}")

    def _matrix(self, name, matrix, *axes):
        """Matrix (k, n, a.., m) of complex numbers, a letter standing for any length, no axes for any number of them."""
        if matrix is None:
            return None
        matrix = np.asarray(matrix, dtype=complex)
        k, n = self.energies.shape
        expected, found = (k, n, *(axes or ("a..",)), n), matrix.shape
        if not axes and len(found) > 3:
            found = (*found[:2], "a..", *found[-1:])
        if len(found) != len(expected) or any(x != y for x, y in zip(expected, found, strict=True) if x != "s"):
            raise InputError(name, f"an array ({', '.join(map(str, expected))})", f"shape {matrix.shape}")
        return matrix

    def _hermitian(self, name, matrix):
        difference = np.abs(matrix - adjoint(matrix, metric=self.metric)).max(initial=0.0)
        if difference > _ACCURACY * np.abs(matrix).max(initial=0.0):
            expected = "a Hermitian matrix"
            if self.metric is not None:
                expected = "a pseudo-Hermitian matrix, X_mn = η_n η_m conj X_nm"
            raise InputError(name, expected, f"elements that differ from the adjoint's by up to {difference:.3g}")
        return matrix

    def _required(self, name, value):
        if value is None:
            raise InputError(
                f"ArrayBatch({name}=...)", f"what is asked for, the {name.replace('_', ' ')}", "none given"
            )
        return value

    @property
    def eigenvectors(self):
        return self._required("eigenvectors", self._eigenvectors)

    def matrix(self, name):
        if name not in self._given:
            names = [key.name if isinstance(key, Operator) else f"{key}" for key in self._given]
            raise InputError("ArrayBatch(operators=...)", f"what is asked for, {name}", f"only {sorted(names)}")
        return self._given[name]

    def velocity(self, external_terms):
        return self._v

    def operator(self, operator):
        return self._given[operator] if operator in self._given else super().operator(operator)

    def subspace(self):
        return self._required("subspace", self._subspace)

    def velocity_derivative(self, external_terms):
        return self._required("velocity_derivative", self._velocity_derivative)
