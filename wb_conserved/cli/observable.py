"""[observable]: what an observable of [quantities] operator is in the system at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, PrivateAttr

from ..errors import InputError
from ..io.text import locate
from ..operators import (
    Operator,
    get_operator,
    layer,
    matrix_operator,
    operator_names,
    orbital_angular_momentum,
    projected_spin,
    r_space_operator,
    sublattice,
)
from .section import RelativePath, Section, problem


@dataclass(frozen=True)
class Kind:
    """An observable that depends on the system.

    Attributes
    ----------
    keys : tuple of str
        Keys of [observable] that it takes.
    vector, odd_under_time_reversal : bool
        What it declares; of a matrix the keys say it.
    unit : str
    make : callable
        Takes the `Observable`, the system and a function that makes paths whole, and returns the operator.
    """

    keys: tuple[str, ...]
    vector: bool
    odd_under_time_reversal: bool
    unit: str
    make: Callable[..., Operator]


def _orbital(table, system, path):
    seed = table.projections if table.projections is not None else None
    if seed is None:
        raise InputError("projections", "a .nnkp file with the projections, relative to the TOML file", "nothing")
    file = path(seed)
    return orbital_angular_momentum(locate(str(file)) or file)


def _matrix(table, system, path):
    if table.file is None:
        raise InputError("file", "a file with a matrix", "nothing")
    found = r_space_operator(
        path(table.file),
        odd_under_time_reversal=table.odd_under_time_reversal,
        odd_under_inversion=table.odd_under_inversion,
        symmetric=table.symmetric,
        name=table.name,
        unit=table.unit,
    )
    if bool(found.rank) != table.vector:
        raise InputError("vector", "true for a matrix with three components, false for one", str(table.vector).lower())
    return found


def _given(table, *keys):
    return {key: value for key in keys if (value := getattr(table, key)) is not None}


_KINDS = {
    "layer": Kind(
        ("z_cut", "upper", "lower"), False, False, "",
        lambda table, system, path: layer(system, **_given(table, "z_cut", "upper", "lower")),
    ),
    "sublattice": Kind(
        ("plus", "minus"), False, False, "",
        lambda table, system, path: sublattice(system, plus=table.plus, minus=table.minus),
    ),
    "orbital": Kind(("projections",), True, True, "ħ", _orbital),
    "projected_spin": Kind(
        ("atoms", "orbitals", "functions", "symmetric"), True, True, "ħ",
        lambda table, system, path: projected_spin(system, **_given(table, "atoms", "orbitals", "functions", "symmetric")),
    ),
    "matrix": Kind(
        ("file", "vector", "odd_under_time_reversal", "odd_under_inversion", "symmetric", "name", "unit"),
        False, False, "", _matrix,
    ),
}  # fmt: skip
OBSERVABLES = (*operator_names(), *_KINDS)
"""Names of observables, the plain ones first."""

Indices = list[int]


class Observable(Section):
    """[observable]: more about [quantities] operator, where its name does not say all."""

    z_cut: float | None = Field(None, description="a number (Å): height between the layers, for 'layer'")
    upper: Indices | None = Field(None, description="a list of functions, counted from 0: the upper layer, in place of z_cut")
    lower: Indices | None = Field(None, description="a list of functions, counted from 0: the lower layer, in place of z_cut")
    plus: Indices | None = Field(None, description="a list of functions, counted from 0, with s = 1, for 'sublattice'")
    minus: Indices | None = Field(None, description="a list of functions, counted from 0, with s = −1, for 'sublattice'")
    projections: RelativePath | None = Field(
        None, description="a string: a file, .nnkp with the projections, relative to the TOML file, for 'orbital'"
    )
    atoms: list[int | str] | None = Field(
        None, description="a list of atoms, labels of the .win file or numbers counted from 0, for 'projected_spin'"
    )
    orbitals: list[str] | None = Field(
        None, description="a list of orbitals or shells, such as ['d'] or ['dxy'], for 'projected_spin'"
    )
    functions: Indices | None = Field(
        None, description="a list of functions, counted from 0, for 'projected_spin' in place of atoms and orbitals"
    )
    file: RelativePath | None = Field(
        None, description="a string: a file, .npz (iRvec and matrix) or like _hr.dat, relative to the TOML file, for 'matrix'"
    )
    vector: bool = Field(False, description="true or false: whether the matrix has three components, for 'matrix'")
    odd_under_time_reversal: bool = Field(
        False, description="true or false: true for a magnetic moment, false for an occupation, for 'matrix'"
    )
    odd_under_inversion: bool = Field(False, description="true or false: true for a polar vector, for 'matrix'")
    symmetric: bool = Field(
        False, description="true or false: whether the point group maps the observable onto itself, which is not checked"
    )
    name: str | None = Field(None, description="a string: name in results, for 'matrix'; that of the file if not given")
    unit: str = Field("", description="a string: unit of the matrix, such as 'ħ' or 'μ_B', for 'matrix'")
    _operator: Operator | None = PrivateAttr(None)

    @property
    def _given(self):
        """Keys that are not at their defaults."""
        return {key for key, field in type(self).model_fields.items() if getattr(self, key) != field.default}

    def check(self, name: str) -> None:
        """Refuse keys that an observable does not take.

        Raises
        ------
        PydanticCustomError
        """
        known = _KINDS[name].keys if name in _KINDS else ()
        for key in sorted(self._given - set(known)):
            takes = f"one of {', '.join(known)}" if known else "none"
            raise problem(key, f"{takes} with [quantities] operator '{name}'", repr(getattr(self, key)), "observable")

    def operator(self, name: str) -> str | Operator:
        """The observable in the system, or before it is loaded one that declares the same."""
        if name not in _KINDS:
            return name
        if self._operator is not None:
            return self._operator
        kind, shape = _KINDS[name], (1, 1)
        matrix = name == "matrix"
        vector = self.vector if matrix else kind.vector
        return matrix_operator(
            np.zeros((*shape, 3) if vector else shape),
            odd_under_time_reversal=self.odd_under_time_reversal if matrix else kind.odd_under_time_reversal,
            odd_under_inversion=self.odd_under_inversion,
            symmetric=self.symmetric,
            name=name.replace("_", " "),
            unit=self.unit if matrix else kind.unit,
        )

    def resolved(self, name: str, system: Any, path: Callable[[str], Path]) -> Observable:
        """The same with the observable that its name stands for in a system.

        Raises
        ------
        InputError
            About a key of [observable].
        """
        if name not in _KINDS:
            return self
        found = self.model_copy()
        try:
            found._operator = _KINDS[name].make(self, system, path)
        except InputError:
            raise
        except ValueError as error:
            key, _, said = str(error).partition(": expected ")
            expected, _, was = said.partition(", found ")
            if key not in type(self).model_fields:
                key = next(iter(sorted(self._given)), _KINDS[name].keys[0])
            raise InputError(key, expected or str(error), was or "another") from None
        return found

    @staticmethod
    def needs_spin(name: str) -> bool:
        """Whether an observable is made of the spin matrices."""
        return name == "projected_spin" or get_operator(name if name not in _KINDS else "identity").needs_spin
