"""Input files of the command line: TOML, validated as a whole before anything runs, with errors that name the key."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ..calculators import static
from ..errors import ConfigError, InputError
from ..operators import get_operator
from ..units import BOLTZMANN_EV

QUANTITIES = {
    "kubo": static.KuboConservedSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "conventional": static.ConventionalSpinConductivity,
    "berry": static.BerrySpinConductivity,
    "dipole": static.DipoleScatteringSpinConductivity,
}
"""Calculators by their name in the input, in the order of the output: the headline first."""

_SAME_LEVEL = 1e-9
_LENGTH_OF_FOUND = 80

Count = Annotated[int, Field(gt=0)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Vector = Annotated[list[float], Field(min_length=3, max_length=3)]


class _Section(BaseModel):
    """A table of the input file; the description of a key is what its errors say was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class System(_Section):
    """[system]: arguments of `wb_conserved.load_system`, and the symmetry."""

    path: str = Field(min_length=1, description="a string: seedname, file or folder, relative to the TOML file")
    spin_order: Literal["interlaced", "block"] | list[Pair] | None = Field(
        None, description="'interlaced', 'block' or a list of pairs [up, down]"
    )
    spin_tolerance: float | None = Field(None, gt=0, description="a number > 0 (Å)")
    time_reversal: bool | None = Field(None, description="true or false")
    time_reversal_tolerance: float | None = Field(None, gt=0, description="a number > 0 (eV)")
    wannier_centers: list[Vector] | None = Field(None, description="a list of [x, y, z] (Å), one per Wannier function")
    real_lattice: Annotated[list[Vector], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three lattice vectors [x, y, z] (Å)"
    )
    ws_distance: Literal["auto"] | bool = Field("auto", description="'auto', true or false")
    periodic: Annotated[list[bool], Field(min_length=3, max_length=3)] = Field(
        [True, True, True], description="three of true and false"
    )
    symmetry: list[str] | None = Field(
        None, description="a list of generators, such as ['C4z', 'Inversion', 'TimeReversal', 'TimeReversal*C2x']"
    )
    symmetry_tolerance: float | None = Field(None, gt=0, description="a number > 0 (eV), with symmetry or symmetrize")
    symmetrize: bool = Field(False, description="true or false; not together with symmetry")
    magnetic_moments: list[Vector] | None = Field(
        None, description="a list of [x, y, z] (μ_B), one per atom, with symmetrize"
    )
    spin_current: Literal["projected", "qiao", "ryoo"] = Field(
        "projected", description="'projected', 'qiao' or 'ryoo': spin current of the conventional conductivity"
    )

    @model_validator(mode="after")
    def _one_symmetry(self):
        if self.symmetrize and self.symmetry is not None:
            raise _problem("symmetrize", "either symmetrize or symmetry, which the crystal's own replaces", "both")
        if self.symmetry_tolerance is not None and not self.symmetrize and self.symmetry is None:
            raise _problem("symmetry_tolerance", "symmetry or symmetrize, which it goes with", "neither")
        return self


class Grid(_Section):
    """[grid]."""

    mesh: Count | Annotated[list[Count], Field(min_length=3, max_length=3)] = Field(
        description="a positive integer, or three of them"
    )
    adpt_num_iter: int = Field(0, ge=0, description="an integer >= 0: iterations of adaptive refinement")
    adpt_mesh: Annotated[int, Field(ge=2)] = Field(2, description="an integer >= 2: parts of a divided K point")
    adpt_fac: Count = Field(1, description="a positive integer: K points divided per quantity and criterion")


class Fermi(_Section):
    """[fermi]: the Fermi level, and the scan around it."""

    level: float = Field(description="a number (eV): the Fermi level, for which the table is printed")
    window: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers (eV) relative to the level, [below, above] with below < 0 < above"
    )
    points: int | None = Field(None, ge=2, description="an integer >= 2, to go with window")
    levels: list[float] | None = Field(None, min_length=1, description="a list of numbers (eV)")

    @model_validator(mode="after")
    def _one_scan(self):
        if self.window is not None and self.levels is not None:
            raise _problem("levels", "either window or levels", "both")
        if self.points is not None and self.window is None:
            raise _problem("points", "window, which points goes with", "no window")
        if self.window is not None and not self.window[0] < 0 < self.window[1]:
            raise _problem("window", type(self).model_fields["window"].description, self.window)
        return self

    def scan(self) -> np.ndarray:
        """Ascending Fermi levels in eV; the level itself is one of them."""
        if self.levels is not None:
            levels = np.unique(np.array(self.levels))
        elif self.window is not None:
            levels = self.level + np.linspace(*self.window, self.points or 201)
        else:
            levels = np.array([])
        others = levels[np.abs(levels - self.level) > _SAME_LEVEL]
        return np.sort(np.append(others, self.level))


class Temperature(_Section):
    """[temperature]."""

    kBT: float | None = Field(None, ge=0, description="a number >= 0 (eV); or kelvin instead")
    kelvin: float | None = Field(None, ge=0, description="a number >= 0 (K)")
    fermi_surface_width: float | None = Field(None, gt=0, description="a number > 0 (eV), only for kBT = 0")
    tetrahedra: bool = Field(False, description="true or false: linear tetrahedra, only for kBT = 0")

    @model_validator(mode="after")
    def _one_temperature(self):
        if (self.kBT is None) == (self.kelvin is None):
            found = "nothing" if self.kBT is None else "both"
            raise _problem("kBT", "one of kBT (eV) and kelvin", found)
        if self.energy > 0 and self.fermi_surface_width is not None:
            raise _problem(
                "fermi_surface_width",
                f"none, as kBT = {self.energy:g} eV sets the width of the Fermi surface",
                self.fermi_surface_width,
            )
        if self.tetrahedra and self.energy > 0:
            raise _problem("tetrahedra", f"false, as kBT = {self.energy:g} eV smooths the occupation", "true")
        if self.tetrahedra and self.fermi_surface_width is not None:
            raise _problem(
                "fermi_surface_width", "none, as tetrahedra integrate over the Fermi surface", self.fermi_surface_width
            )
        return self

    @property
    def energy(self) -> float:
        """k_B T in eV."""
        return self.kBT if self.kBT is not None else BOLTZMANN_EV * self.kelvin


class Multiplets(_Section):
    """[multiplets]: which bands count as degenerate."""

    threshold: float = Field(
        ge=0,
        description="a number >= 0 (eV): bands closer than this form a multiplet; a physical choice (the level "
        "broadening), so there is no default",
    )
    kramers: bool | Literal["auto"] = Field(
        False, description="true, false, or 'auto': true where all bands are degenerate in pairs"
    )
    compare: list[Annotated[float, Field(ge=0)]] = Field(
        [], description="a list of further thresholds >= 0 (eV), for which the table at the Fermi level is repeated"
    )


class Quantities(_Section):
    """[quantities]: what is computed, of which observable."""

    names: list[Literal[tuple(QUANTITIES)]] = Field(
        ["kubo", "conserved", "conventional"], min_length=1, description=f"a list of {', '.join(QUANTITIES)}"
    )
    operator: Literal["spin", "identity", "charge"] = Field(
        "spin", description="'spin', 'identity' or 'charge' (the same)"
    )
    external_terms: bool = Field(True, description="true or false")


class Output(_Section):
    """[output]."""

    folder: str = Field(min_length=1, description="a string: folder for the results, relative to the TOML file")
    overwrite: bool = Field(False, description="true or false")
    components: list[str] | None = Field(
        None, min_length=1, description="a list of components to print and plot, such as ['xyz']: current, field, spin"
    )
    plot: bool = Field(True, description="true or false")

    @field_validator("components")
    @classmethod
    def _of_axes(cls, components):
        if components is not None and any(re.fullmatch("[xyz]{2,3}", component) is None for component in components):
            raise ValueError("not components")
        return components


class Run(_Section):
    """[run]: how the work is done; nothing here changes the numbers beyond their last digits."""

    checkpoint: str | None = Field(
        None, min_length=1, description="a string: folder for finished parts, relative to the TOML file"
    )
    memory_per_rank: float | None = Field(None, gt=0, description="a number > 0 (GB): memory of a process")


class Convergence(_Section):
    """[convergence], for the command of that name."""

    meshes: list[Count | Annotated[list[Count], Field(min_length=3, max_length=3)]] = Field(
        [], description="a list of at least three meshes, each a positive integer or three of them"
    )


class Config(_Section):
    """A whole input file."""

    system: System
    grid: Grid
    fermi: Fermi
    temperature: Temperature
    multiplets: Multiplets
    quantities: Quantities
    output: Output
    run: Run
    convergence: Convergence

    @model_validator(mode="after")
    def _consistent(self):
        rank = get_operator(self.quantities.operator).rank
        for component in self.output.components or ():
            if len(component) != 2 + rank:
                raise _problem(
                    "components",
                    f"{2 + rank} of x, y and z for operator '{self.quantities.operator}'",
                    component,
                    "output",
                )
        width = self.temperature.fermi_surface_width
        surface = [name for name in self.quantities.names if uses_surface(name)]
        if width is not None and not surface:
            raise _problem(
                "fermi_surface_width", "none, as no quantity asked for has a Fermi-surface term", width, "temperature"
            )
        if surface and width is None and self.temperature.energy == 0 and not self.temperature.tetrahedra:
            spacing = np.diff(self.fermi.scan())
            if len(spacing) == 0 or np.ptp(spacing) > 1e-6 * spacing[0]:
                raise _problem(
                    "fermi_surface_width",
                    f"a number > 0 (eV), as {', '.join(surface)} has a Fermi-surface term, kBT = 0, and the scan (with "
                    f"level = {self.fermi.level:g} added to it) is not uniform, so that its spacing cannot serve",
                    "nothing",
                    "temperature",
                )
        return self

    def components(self) -> list[str]:
        """Components to print and plot; by default xyz, or xy for a scalar operator."""
        return self.output.components or ["xyz"[: 2 + get_operator(self.quantities.operator).rank]]


def uses_surface(name: str) -> bool:
    """Whether a quantity has a Fermi-surface term, which needs a width at kBT = 0."""
    return QUANTITIES[name]([0.0], kBT=1.0).uses_surface


def read_config(path: Path) -> tuple[Config, str]:
    """Read and validate an input file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Config, str
        The settings, and the text of the file.

    Raises
    ------
    ConfigError, InputError
        Every problem, with file, key (or line, for broken TOML), what was expected and what was found.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, "a TOML file that can be read", error.strerror) from None
    except UnicodeDecodeError as error:
        raise InputError(path, "a TOML file in UTF-8", str(error)) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise InputError(path, "TOML", str(error).replace(place[0] if place else "", ""), line) from None
    filled = {name: {} for name in Config.model_fields} | data
    try:
        return Config.model_validate(filled), text
    except ValidationError as error:
        problems = {_key(item): _explain(item, filled) for item in error.errors()}
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems.values())) from None


def _problem(key: str, expected: str, found: Any, section: str = "") -> PydanticCustomError:
    """Error of a validator that sees more than one key."""
    return PydanticCustomError(
        "key", "{expected}", {"section": section, "key": key, "expected": expected, "found": str(found)}
    )


def _key(item: dict) -> tuple[str, ...]:
    """Section and key that an error of pydantic is about."""
    if item["type"] == "key":
        section = item["ctx"]["section"] or item["loc"][0]
        return (section, item["ctx"]["key"])
    return tuple(str(part) for part in item["loc"][:2])


def _explain(item: dict, data: dict) -> str:
    section, *keys = _key(item)
    name = f"[{section}] {keys[0]}" if keys else f"[{section}]"
    if item["type"] == "key":
        return f"{name}: expected {item['ctx']['expected']}; found {item['ctx']['found']}"
    if item["type"] == "extra_forbidden":
        known = list((Config if not keys else Config.model_fields[section].annotation).model_fields)
        close = difflib.get_close_matches(keys[0] if keys else section, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{name}: expected one of {', '.join(known)}; found an unknown {'key' if keys else 'section'}{hint}"
    if not keys:
        return f"{name}: expected a table; found {_shortened(data[section])}"
    field = Config.model_fields[section].annotation.model_fields[keys[0]]
    found = "nothing" if item["type"] == "missing" else _shortened(data[section][keys[0]])
    return f"{name}: expected {field.description}; found {found}"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LENGTH_OF_FOUND else text[: _LENGTH_OF_FOUND - 3] + "..."
