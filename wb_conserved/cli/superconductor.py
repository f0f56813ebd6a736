"""[superconductor] of an input file: the gap, and what is looked at besides the quantities of the table."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..driver.symmetry import check_symmetry
from ..errors import ConfigError, InputError
from ..quasiparticles import BogoliubovSystem, Gap, attraction, bogoliubov_system, pairing, solve_gap
from ..quasiparticles.bogoliubov import BASES
from ..quasiparticles.gap import LAWS
from ..quasiparticles.pairing import FORMS
from ..units import BOLTZMANN_EV
from .section import Count, RelativePath, Section, Vector, each_once, problem

MOST_ENERGIES = 10**5
_MESH = Count | Annotated[list[Count], Field(min_length=3, max_length=3)]
_COUNT = Annotated[int, Field(ge=0)]


class Superconductor(Section):
    """[superconductor]: Δ from a name, a file or an attraction; [fermi] level is then that of the normal state."""

    basis: Literal[BASES] = Field(description="'singlet' (no spin-orbit coupling) or 'nambu' (all functions)")
    spinful: bool | None = Field(
        None, description="true or false: whether the functions have spin; by default true for 'nambu', false for 'singlet'"
    )
    pairing: Literal[tuple(FORMS)] | None = Field(None, description=f"one of {', '.join(map(repr, FORMS))}")
    delta0: float | None = Field(None, description="a number (eV), with pairing")
    gap_file: RelativePath | None = Field(None, description="a string: a file of Δ_ij(R), relative to the TOML file")
    attraction: float | None = Field(None, gt=0, description="a number > 0 (eV): U, from which the gap is solved for")
    orbitals: list[_COUNT] | None = Field(None, min_length=1, description="a list of numbers of orbitals, from 0")
    shell: _COUNT | list[_COUNT] | None = Field(None, description="an integer >= 0, or several: shells of neighbours")
    d_vector: Vector | None = Field(None, description="a list of three numbers, with a triplet pairing")
    law: Literal[LAWS] = Field("constant", description="'constant' or 'bcs': Δ in temperature, of pairing or gap_file")
    critical_temperature: float | None = Field(None, gt=0, description="a number > 0 (K), with law = 'bcs'")
    gap_mesh: _MESH | None = Field(
        None, description="a positive integer, or three: mesh of the gap equation, with attraction; by default that of [grid]"
    )
    tolerance: float = Field(1e-8, gt=0, description="a number > 0: change of Δ in an iteration over 1.764 kT_c")
    iterations: Count = Field(200, description="a positive integer: most iterations of the gap equation at a temperature")
    symmetry: list[str] | None = Field(None, description="a list of generators that normal state and gap have")
    energies: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers (eV): range of the density of states"
    )
    energy_points: int = Field(201, ge=2, le=MOST_ENERGIES, description=f"an integer from 2 to {MOST_ENERGIES}")
    dos_width: float | None = Field(None, gt=0, description="a number > 0 (eV): kT that the density of states is blurred with")
    path: list[Vector] | None = Field(None, min_length=2, description="a list of k points [k1, k2, k3] of a band structure")
    path_labels: list[str] | None = Field(None, description="a list of as many names as path has points")
    path_points: int = Field(400, ge=2, le=MOST_ENERGIES, description=f"an integer from 2 to {MOST_ENERGIES}, about")
    path_window: float | None = Field(None, gt=0, description="a number > 0 (eV): energies of the band structure, ±")
    gap_on_fermi_surface: bool = Field(False, description="true or false")

    @field_validator("orbitals")
    @classmethod
    def _different(cls, values):
        return each_once(values)

    @model_validator(mode="after")
    def _one_gap(self):
        given = [name for name in ("pairing", "gap_file", "attraction") if getattr(self, name) is not None]
        if not given or (len(given) > 1 and given != ["pairing", "attraction"]):
            expected = "pairing (with delta0), gap_file, or attraction (with pairing to begin with)"
            raise problem("pairing", expected, " and ".join(given) or "nothing")
        if (self.pairing is None) != (self.delta0 is None):
            missing = "delta0" if self.delta0 is None else "pairing"
            raise problem(missing, f"{missing}, as {'pairing' if missing == 'delta0' else 'delta0'} is given", "nothing")
        if (self.law == "bcs") != (self.critical_temperature is not None):
            raise problem("critical_temperature", "a number > 0 (K) with law = 'bcs', and only then", self.critical_temperature)
        if self.attraction is not None and self.law != "constant":
            raise problem("law", "none with attraction, of which the gap equation makes the temperature dependence", self.law)
        if self.gap_mesh is not None and self.attraction is None:
            raise problem("gap_mesh", "attraction, which it goes with", "none")
        if self.gap_file is not None:
            for name in ("orbitals", "shell", "d_vector"):
                if getattr(self, name) is not None:
                    raise problem(name, "none with gap_file", getattr(self, name))
        for name in ("path_labels", "path_window"):
            if getattr(self, name) is not None and self.path is None:
                raise problem(name, "path, which it goes with", "none")
        if self.path_labels is not None and len(self.path_labels) != len(self.path):
            raise problem("path_labels", f"{len(self.path)} names", f"{len(self.path_labels)}")
        if self.energies is not None and not self.energies[0] < self.energies[1]:
            raise problem("energies", "two numbers, the lower one first", self.energies)
        if self.dos_width is not None and self.energies is None:
            raise problem("dos_width", "energies, which it goes with", "none")
        return self

    @property
    def has_spin(self) -> bool:
        """Whether the functions have spin."""
        return self.basis == "nambu" if self.spinful is None else self.spinful

    def describe(self) -> str:
        """The gap in words."""
        if self.gap_file is not None:
            what = f"from {self.gap_file}"
        elif self.attraction is not None:
            what = f"from an attraction of {self.attraction:g} eV" + (f", {self.pairing} to begin with" if self.pairing else "")
        else:
            what = f"{self.pairing}, Δ_0 = {self.delta0:g} eV"
        if self.law == "bcs":
            what += f", T_c = {self.critical_temperature:g} K"
        return f"{what}; basis {self.basis}"


def with_symmetry(system, section: Superconductor, source: Path):
    """The system with the generators of the section as its point group.

    Raises
    ------
    ConfigError
        The lattice does not have them.
    """
    made = copy.copy(system)
    try:
        made.set_pointgroup(section.symmetry or [])
    except (ValueError, AssertionError) as error:
        expected = f"[superconductor] symmetry: expected generators that the lattice has; found {section.symmetry}"
        raise ConfigError(f"{source}: {expected}: {str(error).split(' : please')[0].strip()}") from None
    return made


def make_superconductor(config, system, source: Path, communicator=None, checkpoint=None) -> BogoliubovSystem:
    """Superconductor of an input file; of all ranks together.

    Parameters
    ----------
    config : Config
    system : System_R
        Normal state.
    source : Path
        The input file.
    communicator
    checkpoint : Path, optional
        Folder for the gap equation.

    Raises
    ------
    ConfigError
        With the key.
    ConvergenceError
    """
    section, level = config.superconductor, config.fermi.level
    try:
        gap = _gap(section, config, system, source, communicator, checkpoint)
        temperatures = np.atleast_1d(config.temperature.energy) if gap.depends_on_temperature else None
        made = with_symmetry(bogoliubov_system(system, gap, level, basis=section.basis, kBT=temperatures), section, source)
        check_symmetry(made, [0.0])
    except InputError as error:
        place = _KEYS.get(error.source, f"[superconductor] {error.source}")
        raise ConfigError(f"{source}: {place}: expected {error.expected}; found {error.found}") from None
    return made


def without_solving(config):
    """The settings with a small constant gap in place of one to be solved for, which takes the same time and memory."""
    section = config.superconductor
    if section.attraction is None:
        return config
    name = section.pairing or ("s" if section.shell in (None, 0) else "extended s")
    stand_in = section.model_copy(update={"attraction": None, "gap_mesh": None, "pairing": name, "delta0": 1e-3})
    return config.model_copy(update={"superconductor": stand_in})


def _gap(section, config, system, source, communicator, checkpoint):
    named = None
    if section.pairing is not None:
        options = {"orbitals": section.orbitals, "shell": section.shell, "d_vector": section.d_vector}
        named = pairing(section.pairing, section.delta0, **options)
    if section.attraction is not None:
        shell = 0 if section.shell is None else section.shell
        return solve_gap(
            system, attraction(section.attraction, orbitals=section.orbitals, shell=shell), config.fermi.level,
            config.temperature.energy, section.gap_mesh or config.grid.mesh, basis=section.basis, tolerance=section.tolerance,
            initial=named, max_iterations=section.iterations, comm=communicator, checkpoint=checkpoint,
        )  # fmt: skip
    found = Gap.load(source.parent / section.gap_file) if named is None else named.on(system, section.basis)
    if section.law == "bcs":
        return found.with_Tc(BOLTZMANN_EV * section.critical_temperature)
    return found


_KEYS = {
    "Efermi": "[fermi] level",
    "kBT": "[temperature] kBT",
    "strength": "[superconductor] attraction",
    "interaction": "[superconductor] attraction",
    "initial": "[superconductor] pairing",
    "Tc": "[superconductor] critical_temperature",
    "system": "[system] path",
    "grid": "[superconductor] gap_mesh",
    "mesh": "[superconductor] gap_mesh",
}
"""Section and key of arguments that are not of that name in [superconductor]."""
