"""What an observable declares: its matrix, rank, unit, and behaviour under time reversal, inversion and crystal operations.

A matrix in the Wannier basis is interpolated as X_ij(k) = Σ_R e^{ik·R} X_ij(R), X_ij(R) = <i, 0|s|j, R>.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..io.spinors import has_matrix

if TYPE_CHECKING:
    from ..annotations import AnySystem


class RealSpaceMatrix:
    """Matrix of an observable between Wannier functions, made exactly Hermitian; equal to another of equal content.

    Parameters
    ----------
    iRvec : int array (R, 3)
        R vectors, reduced coordinates; with each R also −R.
    matrix : complex array (R, n, n, a)
        X_ij(R) = <i, 0|s_a|j, R>, a the components of s.

    Attributes
    ----------
    iRvec, matrix
        As given; X(R) → ½ [X(R) + X(−R)†].
    """

    def __init__(self, iRvec: np.ndarray, matrix: np.ndarray):
        self.iRvec = np.ascontiguousarray(iRvec, dtype=int)
        index = {vector: i for i, vector in enumerate(map(tuple, self.iRvec.tolist()))}
        minus = [index[tuple(-component for component in vector)] for vector in index]
        matrix = np.asarray(matrix, dtype=complex)
        self.matrix = np.ascontiguousarray(0.5 * (matrix + matrix[minus].swapaxes(1, 2).conj()))
        self._digest = hashlib.sha256(self.iRvec.tobytes() + self.matrix.tobytes()).digest()

    def __eq__(self, other):
        return isinstance(other, RealSpaceMatrix) and self._digest == other._digest

    def __hash__(self):
        return hash(self._digest)

    def __repr__(self):
        return f"RealSpaceMatrix(num_wann={self.num_wann}, number of R vectors={len(self.iRvec)})"

    @property
    def num_wann(self) -> int:
        """Number of Wannier functions."""
        return self.matrix.shape[1]

    @property
    def constant(self) -> bool:
        """Whether there is only R = 0, that is the same matrix at every k."""
        return len(self.iRvec) == 1

    def interpolate(self, kpoints: np.ndarray) -> np.ndarray:
        """Matrix in the Wannier gauge at reduced k points (k, 3), shape (k, i, a, j)."""
        stack = np.moveaxis(self.matrix, 2, -1)
        if self.constant:
            return np.broadcast_to(stack, (len(kpoints), *stack.shape[1:]))
        return np.tensordot(np.exp(2j * np.pi * (kpoints @ self.iRvec.T)), stack, axes=1)


class BandMatrix(ABC):
    """Matrix of an observable that is made from the states of a batch of k points; equal to another of equal contents.

    Frozen dataclasses are the natural subclasses.

    Attributes
    ----------
    needs_spin : bool
        Whether it needs the spin matrices of the system.
    """

    needs_spin: ClassVar[bool] = False

    @abstractmethod
    def compute(self, g: Any) -> np.ndarray:
        """Matrix (k, n, s, m) from a band geometry, Hermitian, covariant inside its multiplets."""

    def of_system(self, system: AnySystem) -> BandMatrix | RealSpaceMatrix:
        """The matrix with what it takes from the system, perhaps one in R space.

        Raises
        ------
        ValueError
            The system does not have it.
        """
        return self


@dataclass(frozen=True)
class Operator:
    """An observable s, a Hermitian matrix in the Wannier basis.

    Attributes
    ----------
    name : str
    rank : int
        0: scalar, results have no axis for s; 1: vector with three components, the axis "s" of results.
    odd_under_time_reversal : bool
    matrix : str, RealSpaceMatrix, BandMatrix or None
        Name of the R-space matrix in the WannierBerri system, the matrix itself, how it is made from the states, or None for
        the identity.
    scale : float
        Factor from that matrix to s (spin: WannierBerri holds Pauli matrices, s = σ/2 in units of ħ).
    unit : str
        Unit of s; "" for a pure number.
    odd_under_inversion : bool
        For rank 1, False is an axial vector and True a polar one.
    symmetric : bool
        Whether every operation of the crystal's point group takes s to itself as a tensor of that rank.  Not so where
        operations exchange what s tells apart (two layers, two sublattices) or where nothing is known (a matrix from
        the user): results are then not symmetrised, and a mesh reduced by symmetry is refused.
    """

    name: str
    rank: int
    odd_under_time_reversal: bool
    matrix: str | RealSpaceMatrix | BandMatrix | None
    scale: float
    unit: str
    odd_under_inversion: bool = False
    symmetric: bool = True

    @property
    def is_identity(self) -> bool:
        """Whether it counts carriers, whatever its name."""
        return self.matrix is None

    @property
    def is_spin(self) -> bool:
        """Whether it is the spin of the system, whatever its name."""
        return self.matrix == SPIN.matrix

    @property
    def needs_spin(self) -> bool:
        """Whether it needs the spin matrices of the system."""
        return self.is_spin or (isinstance(self.matrix, BandMatrix) and self.matrix.needs_spin)

    def of_system(self, system: AnySystem) -> Operator:
        """The observable with what its matrix takes from the system; see `check_system`."""
        return replace(self, matrix=self.matrix.of_system(system)) if isinstance(self.matrix, BandMatrix) else self

    def check_system(self, system: AnySystem) -> None:
        """Check that the system has, or fits, the matrix.

        Raises
        ------
        ValueError
            It does not.
        """
        if isinstance(self.matrix, BandMatrix):
            return  # checked where it takes what it needs
        if isinstance(self.matrix, RealSpaceMatrix):
            if system.num_wann != self.matrix.num_wann:
                raise ValueError(
                    f"operator: expected a matrix between the {system.num_wann} functions of the system, found one "
                    f"between {self.matrix.num_wann} ({self.name})"
                )
            if not self.matrix.constant and getattr(system, "rvec", None) is None:
                raise ValueError(
                    f"operator: expected a matrix at R = 0 only for a system without R vectors, found "
                    f"{len(self.matrix.iRvec)} R vectors ({self.name})"
                )
        elif self.matrix is not None and hasattr(system, "has_R_mat") and not has_matrix(system, self.matrix):
            hint = ": load the system with its spin matrices (.spn file or spin_order)" if self.matrix == "SS" else ""
            raise ValueError(
                f"system: expected the matrix '{self.matrix}' of the operator {self.name}, found none{hint}"
            )


SPIN = Operator("spin", rank=1, odd_under_time_reversal=True, matrix="SS", scale=0.5, unit="ħ")
"""s = σ/2 in units of ħ."""

IDENTITY = Operator("identity", rank=0, odd_under_time_reversal=False, matrix=None, scale=1.0, unit="")
"""Number of carriers: conductivities in (1/|e|) S/cm, and times the charge −|e| of an electron those of the charge."""

CHARGE = Operator("charge", rank=0, odd_under_time_reversal=False, matrix=None, scale=1.0, unit="")
"""Charge in units of the charge −|e| of an electron: for electrons the same as their number, for the quasiparticles of a
superconductor τ_z."""

_BY_NAME = {operator.name: operator for operator in (SPIN, IDENTITY, CHARGE)}


def enter(name: str, operator: Operator) -> None:
    """Make an observable known by a name, in input files too."""
    _BY_NAME[name] = operator


def operator_names() -> tuple[str, ...]:
    """Names that `get_operator` knows.

    Examples
    --------
    >>> from wb_conserved.operators import operator_names
    >>> "orbital_moment" in operator_names()
    True
    """
    return tuple(_BY_NAME)


def get_operator(operator: str | Operator) -> Operator:
    """Operator by name, or as it is.

    Parameters
    ----------
    operator : str or Operator
        "spin"; "identity" or "charge", which are the same for electrons: the number of carriers, a current in units of 1/|e|
        of the charge current's and with the opposite sign, since electrons carry −|e|; "torque", "exchange_torque",
        "orbital_moment" and "orbital_angular_momentum", see `wb_conserved.operators`.

    Returns
    -------
    Operator

    Raises
    ------
    ValueError
        Unknown name.
    TypeError
        Neither a name nor an operator.
    """
    if isinstance(operator, Operator):
        return operator
    if not isinstance(operator, str):
        raise TypeError(
            f"operator: expected one of {sorted(_BY_NAME)} or an operator from wb_conserved.operators (a matrix: "
            f"matrix_operator), found {type(operator).__name__}"
        )
    if operator not in _BY_NAME:
        raise ValueError(f"operator: expected one of {sorted(_BY_NAME)}, found {operator!r}")
    return _BY_NAME[operator]
