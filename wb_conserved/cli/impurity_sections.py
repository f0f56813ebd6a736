"""[[impurity]] and [disorder] of an input file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from ..disorder import ORDERS, Impurity
from ..errors import InputError
from ..io.matrix import complex_number, read_matrix
from .section import RelativePath, Section, Vector, problem

FOLDER = "folder"
"""Key of the context of a validation: the folder that paths are relative to."""

_QUOTED_ORDERS = ", ".join(map(repr, ORDERS))


class ImpurityTable(Section):
    """[[impurity]]: one kind of impurity, see `wb_conserved.disorder.Impurity`."""

    potential: float | list[list[float | str]] | None = Field(
        None, description="a number (eV), or a Hermitian matrix as a list of rows of numbers and strings such as '0.1-0.2j'"
    )
    potential_file: RelativePath | None = Field(
        None, description="a string: a file with a Hermitian matrix (.npy, or rows of text), relative to the TOML file"
    )
    concentration: float | Annotated[list[float], Field(min_length=1)] = Field(
        description="a number between 0 and 1, the fraction of cells, or a list of them"
    )
    atoms: list[int | str] | None = Field(
        None, min_length=1, description="a list of atoms: labels, or numbers counted from 0 as in the .win file"
    )
    orbitals: list[int | str] | None = Field(
        None, min_length=1, description="a list of names of orbitals of the atoms, or of numbers of Wannier functions"
    )
    exchange: float = Field(0.0, description="a number (eV): exchange splitting along the axis")
    axis: Literal["x", "y", "z"] | Vector = Field("z", description="'x', 'y', 'z' or three numbers")

    _matrix: tuple = PrivateAttr(())

    @field_validator("potential")
    @classmethod
    def _of_numbers(cls, potential):
        if isinstance(potential, list):
            for entry in (entry for row in potential for entry in row):
                if isinstance(entry, str):
                    complex_number(entry)
        return potential

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo):
        if (self.potential is None) == (self.potential_file is None):
            found = "neither" if self.potential is None else "both"
            raise problem("potential", "one of potential and potential_file", found)
        if self.potential_file is not None:
            try:
                matrix = read_matrix(Path((info.context or {}).get(FOLDER, ".")) / self.potential_file)
            except InputError as error:
                raise problem("potential_file", error.expected, f"{error.found} ({_place(error)})") from None
            self._matrix = tuple(map(tuple, matrix.tolist()))
        elif isinstance(self.potential, list):
            self._matrix = tuple(tuple(complex_number(str(entry)) for entry in row) for row in self.potential)
        if len({len(row) for row in self._matrix}) > 1:
            raise problem("potential", "rows of equal length", [len(row) for row in self._matrix])
        try:
            self.impurity()
        except InputError as error:
            key = "potential_file" if error.source == "potential" and self.potential_file else error.source
            raise problem(key, error.expected, error.found) from None
        return self

    def impurity(self) -> Impurity:
        """The impurity."""
        potential = [list(row) for row in self._matrix] if self._matrix else self.potential
        return Impurity(potential, self.concentration, self.atoms, self.orbitals, self.exchange, self.axis)


def _place(error):
    """File, and line where there is one."""
    return f"{error.source}, line {error.line}" if error.line is not None else error.source


class DisorderSettings(Section):
    """[disorder]: how impurities scatter, see `wb_conserved.disorder.Disorder`."""

    scattering: Literal[ORDERS] = Field(
        "t-matrix", description=f"one of {_QUOTED_ORDERS}: orders of the potential in the distribution"
    )
    width: float | None = Field(
        None, gt=0, description="a number > 0 (eV): width of the energy shells; half of the lowest kBT by default, and at "
        "kBT = 0 the width of the Fermi surface",
    )  # fmt: skip
    extra_rate: float = Field(0.0, ge=0, description="a number >= 0 (eV): isotropic rate besides the impurities")
    first_order: bool = Field(True, description="true or false: whether the shift of levels of first order counts")
    large: bool = Field(False, description="true or false: whether tensors of more than 2 GiB are allowed")
