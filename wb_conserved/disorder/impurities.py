"""Impurities as users state them: a potential on some Wannier functions of the home cell, in a fraction of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..io.projections import FunctionLabel, functions_of

_HERMITIAN = 1e-9  # of the largest element
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@dataclass(frozen=True, eq=False)
class Impurity:
    """A kind of impurity.

    Parameters
    ----------
    potential : float or Hermitian matrix
        W: a number (eV) on all the functions, or a matrix (eV) between them, in the order in which they are selected.
    concentration : float or sequence of float
        Fraction of cells that carry it, between 0 and 1; several: results have an axis of them.
    atoms : sequence of int or str, optional
        Atoms of the home cell, counted from 0 as in the .win file, or labels; several atoms are one cluster.  Which functions
        are theirs the projections of a .nnkp file beside the data tell.
    orbitals : sequence of int or str, optional
        Numbers of functions, counted from 0; or names of orbitals ("d", "dxy", "s") of the atoms.  All of the atoms by
        default; all of the system where there are neither.
    exchange : float
        Exchange splitting of a magnetic impurity: J n·σ is added to W (eV), on pairs of functions of opposite spin.
    axis : "x", "y", "z" or three numbers
        Direction n.

    Raises
    ------
    InputError
        A potential that is not Hermitian, a concentration out of range, or arguments that do not go together.
    """

    potential: Any
    concentration: float | Sequence[float]
    atoms: Sequence[int | str] | None = None
    orbitals: Sequence[int | str] | None = None
    exchange: float = 0.0
    axis: Any = "z"

    def __post_init__(self):
        matrix = np.asarray(self.potential, dtype=complex)
        if matrix.ndim not in (0, 2) or (matrix.ndim == 2 and matrix.shape[0] != matrix.shape[1]):
            raise InputError("potential", "a number or a square matrix (eV)", f"shape {matrix.shape}")
        if not np.all(np.isfinite(matrix)):
            raise InputError("potential", "finite numbers (eV)", repr(self.potential))
        difference = np.abs(matrix - np.conj(matrix.T)).max()
        if difference > _HERMITIAN * max(1.0, np.abs(matrix).max()):
            raise InputError("potential", "a Hermitian matrix", f"W and W† that differ by {difference:.3g} eV")
        fractions = np.asarray(self.concentration)
        proper = fractions.ndim < 2 and fractions.size > 0 and fractions.dtype.kind in "if"
        if not proper or not np.all((fractions > 0) & (fractions < 1)):
            raise InputError("concentration", "a fraction of cells between 0 and 1, or several", repr(self.concentration))
        if len(set(fractions.ravel().tolist())) < fractions.size:
            raise InputError("concentration", "different fractions of cells", repr(self.concentration))
        _direction(self.axis)

    def resolve(self, system) -> tuple[np.ndarray, np.ndarray]:
        """Functions (i,), counted from 0, and W (i, i), eV.

        Raises
        ------
        InputError
            Functions that the system has not, or a matrix of another size.
        """
        functions = self._functions(system)
        matrix = np.asarray(self.potential, dtype=complex)
        number = len(functions)
        if matrix.ndim == 2 and len(matrix) != number:
            raise InputError("potential", f"a number or a matrix of the {number} functions selected", f"{len(matrix)} rows")
        W = matrix.copy() if matrix.ndim else matrix * np.eye(number)
        if self.exchange:
            W = W + self.exchange * self._spin(system, functions)
        if not np.abs(W).max() > 0:
            raise InputError("potential", "a potential or an exchange that is not 0", f"{self.potential!r}")
        return functions, W

    def describe(self) -> str:
        """One line about it."""
        matrix = np.asarray(self.potential)
        size = f"a matrix of {len(matrix)} functions" if matrix.ndim else f"{float(matrix.real):g} eV"
        orbitals = ", ".join(map(str, self.orbitals)) if self.orbitals is not None else "all functions"
        atoms = f" of {', '.join(map(str, self.atoms))}" if self.atoms is not None else ""
        exchange = f", exchange {self.exchange:g} eV along {self.axis}" if self.exchange else ""
        percent = ", ".join(f"{100 * fraction:g}" for fraction in np.atleast_1d(self.concentration))
        return f"{percent} % of cells with {size} on {orbitals}{atoms}{exchange}"

    def _functions(self, system):
        numbers = [entry for entry in self.orbitals or [] if isinstance(entry, (int, np.integer))]
        if self.atoms is None:
            if self.orbitals is None:
                return np.arange(system.num_wann)
            if len(numbers) < len(self.orbitals):
                raise InputError("orbitals", "numbers of functions, or atoms that named orbitals are of", f"{self.orbitals!r}")
            wrong = [number for number in numbers if not 0 <= number < system.num_wann]
            if wrong or len(set(numbers)) < len(numbers):
                expected = f"different functions of the {system.num_wann} that there are, counted from 0"
                raise InputError("orbitals", expected, f"{self.orbitals!r}")
            return np.array(numbers)
        if numbers:
            raise InputError("orbitals", "names of orbitals with atoms, or numbers without", f"{self.orbitals!r}")
        return np.array(functions_of(labels_of(system), self.atoms, self.orbitals))

    def _spin(self, system, functions):
        """n·σ on pairs of functions that differ in spin only."""
        labels = labels_of(system)
        direction = np.einsum("a,aij->ij", _direction(self.axis), _PAULI)
        result = np.zeros((len(functions), len(functions)), dtype=complex)
        of_orbital: dict[tuple, dict[int, int]] = {}
        for place, function in enumerate(functions):
            label = labels[function]
            of_orbital.setdefault((label.atom, label.shell, label.orbital), {})[label.spin] = place
        for orbital, pair in of_orbital.items():
            if set(pair) != {1, -1}:
                raise InputError("exchange", "functions of both spins of each orbital", f"{orbital[2]} of {sorted(pair)}")
            places = [pair[1], pair[-1]]
            result[np.ix_(places, places)] = direction
        return result


def labels_of(system) -> tuple[FunctionLabel, ...]:
    """What each Wannier function of a system started from.

    Raises
    ------
    InputError
        It is not known.
    """
    labels = getattr(system, "function_labels", None)
    if labels is None:
        raise InputError(
            "system",
            "data with a .nnkp and a .win file beside, which say of which atom and spin each Wannier function is",
            "neither; select functions by their numbers (orbitals=[...]) and give W as a matrix",
        )
    return labels


def _direction(axis):
    vector = np.asarray(_AXES.get(axis, axis) if isinstance(axis, str) else axis, dtype=object)
    try:
        vector = vector.astype(float)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.shape != (3,) or not np.linalg.norm(vector) > 0:
        raise InputError("axis", "'x', 'y', 'z' or three numbers", repr(axis))
    return vector / np.linalg.norm(vector)
