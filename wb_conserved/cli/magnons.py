"""[magnons] of an input file, in the place of [system] and [fermi]: exchange parameters, the state, spin waves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..calculators import SUMS
from ..errors import ConfigError, InputError
from ..quasiparticles import CONVENTIONS, SpinModel
from ..quasiparticles.exchange_files import PARTS
from .section import Count, RelativePath, Section, Vector, problem

OF_MAGNONS = ("nernst_conserved", "nernst_conventional", "thermal_hall")
"""Quantities where an input file names none."""
_OF_MODELS = ("convention", "parts", "spins", "directions", "anisotropy", "field", "g", "periodic")


class Magnons(Section):
    """[magnons], in the place of [system] and [fermi]: arguments of `SpinModel.read`, its state, and of ``to_system``."""

    path: RelativePath = Field(
        description="a string: file with exchange parameters or folder of TB2J, relative to the TOML file"
    )
    regulator: float = Field(0.0, ge=0, description="a number >= 0 (eV), added to every boson: for Goldstone modes")
    zero_point: bool = Field(False, description="true or false: n + ½ in the place of n in equilibrium densities")
    minimise: bool = Field(False, description="true or false: spins in the state of lowest energy in this cell")
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3)] | None = Field(
        None, description="a list of three positive integers: multiples of the lattice vectors"
    )
    wave_vector: Vector | None = Field(None, description="three numbers: spins turn by 2π q·R in the larger cell")
    axis: Vector | None = Field(None, description="three numbers: about which they turn, with wave_vector")
    convention: Literal[tuple(CONVENTIONS)] | None = Field(
        None, description=f"one of {', '.join(map(repr, CONVENTIONS))}, for a table that does not say it"
    )
    parts: Literal[PARTS] | None = Field(None, description=f"one of {', '.join(map(repr, PARTS))}, for files of TB2J")
    spins: float | list[float] | None = Field(
        None, description="a number > 0, or a list with one for each site: lengths S"
    )
    directions: list[Vector] | None = Field(None, description="a list of unit vectors [x, y, z], one for each site")
    anisotropy: Annotated[list[Vector], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three rows of A in S·A·S, eV, of all sites; easy axis z: A_zz < 0"
    )
    field: Vector | None = Field(None, description="three numbers (T)")
    g: float | None = Field(None, description="a number, of -g μ_B B·S")
    periodic: Annotated[list[bool], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three of true and false"
    )

    @model_validator(mode="after")
    def _turns_in_a_larger_cell(self):
        if self.wave_vector is not None and self.supercell is None:
            raise problem("wave_vector", "supercell, which it goes with", "none")
        if self.axis is not None and self.wave_vector is None:
            raise problem("axis", "wave_vector, which it goes with", "none")
        return self


def without_electrons(data: dict[str, Any]) -> dict[str, Any]:
    """Sections of an input file with [magnons], with the quantities that these have by default.

    Raises
    ------
    PydanticCustomError
        There is a [system] or a level too.
    """
    for section, key in (("system", "path"), ("fermi", "level"), ("superconductor", "basis"), ("impurity", "potential")):
        if section in data:
            raise problem(key, f"no [{section}] beside [magnons], which are no electrons", "one", section)
    return data | {"quantities": {"names": list(OF_MAGNONS)} | data["quantities"]}


def check_magnons(config) -> None:
    """Refuse what magnons do not have.

    Raises
    ------
    PydanticCustomError
    """
    possible = [name for name, entry in SUMS.items() if entry.of_bosons]
    other = [name for name in config.quantities.names if name not in possible]
    if other:
        raise problem("names", f"some of {', '.join(possible)} for magnons", ", ".join(other), "quantities")
    if config.quantities.operator == "charge":
        raise problem("operator", "'spin' or 'identity' for magnons", "'charge'", "quantities")
    if config.multiplets.kramers == "auto":
        raise problem("kramers", "true or false for magnons", "'auto'", "multiplets")
    if np.any(np.equal(config.temperature.energy, 0.0)):
        raise problem("kBT", "temperatures > 0 for magnons", "0", "temperature")
    if config.temperature.tetrahedra:
        raise problem("tetrahedra", "false for magnons", "true", "temperature")


def magnons(section: Magnons, source: Path, path: Path):
    """Spin waves of [magnons].

    Parameters
    ----------
    section : Magnons
    source : Path
        The input file, for errors.
    path : Path
        Of the exchange parameters.

    Raises
    ------
    InputError, ConfigError
        What is wrong with the file, or with a key.
    """
    given = {key: getattr(section, key) for key in _OF_MODELS if getattr(section, key) is not None}
    try:
        model = SpinModel.read(path, **given)
        if section.supercell is not None:
            axis = (0, 0, 1) if section.axis is None else section.axis
            model = model.supercell(section.supercell, wave_vector=section.wave_vector, axis=axis)
        if section.minimise:
            model = model.minimised()
        return model.to_system(section.regulator, zero_point=section.zero_point)
    except InputError as error:
        if error.source not in type(section).model_fields:
            raise
        raise ConfigError(
            f"{source}: [magnons] {error.source}: expected {error.expected}; found {error.found}"
        ) from None
