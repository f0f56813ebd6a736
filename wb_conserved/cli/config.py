"""The sections of an input file and their keys, validated as a whole; rules of calculators are theirs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ..calculators import SETS, SUMS
from ..errors import InputError
from ..geometry.spin_current import SPIN_CURRENTS, needs_matrices, spin_currents
from ..occupations import Electrons
from ..operators import get_operator, on_functions, operator_names
from ..results.rotation import frame_of
from ..units import BOLTZMANN_EV

_QUOTED_SPIN_CURRENTS = ", ".join(map(repr, SPIN_CURRENTS))
_SAME_LEVEL = 1e-9
MOST_LEVELS = 10**5


def _each_once(values: list | None) -> list | None:
    """The values, unless one is there twice."""
    twice = next((value for value in values or () if values.count(value) > 1), None)
    if twice is not None:
        raise PydanticCustomError("twice", "{value} once", {"value": repr(twice), "times": values.count(twice)})
    return values


class _IsPath:
    """Mark of a key that is a path, relative to the folder of the input file."""


RelativePath = Annotated[str, Field(pattern=r"^[^\x00]+$"), _IsPath()]
Count = Annotated[int, Field(gt=0)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Vector = Annotated[list[float], Field(min_length=3, max_length=3)]


class _Section(BaseModel):
    """A table of the input file; the description of a key is what its errors say was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class System(_Section):
    """[system]: arguments of `wb_conserved.load_system`, and the symmetry."""

    path: RelativePath = Field(description="a string: seedname, file or folder, relative to the TOML file")
    spin_order: Literal["interlaced", "block", "qe", "vasp5", "vasp6", "fplo"] | list[Pair] | None = Field(
        None, description="'interlaced', 'block', a code ('qe', 'vasp5', 'vasp6', 'fplo') or a list of pairs [up, down]"
    )
    spin_axis: Vector | None = Field(None, description="three numbers: the direction that spin_order calls up, if not z")
    spin_tolerance: float | None = Field(None, gt=0, description="a number > 0 (Å)")
    spin_part_tolerance: float | None = Field(None, gt=0, description="a number > 0: spin-dependent part of H over the rest")
    time_reversal: bool | None = Field(None, description="true or false")
    time_reversal_tolerance: float | None = Field(None, gt=0, description="a number > 0 (eV)")
    wannier_centers: list[Vector] | None = Field(None, description="a list of [x, y, z] (Å), one per Wannier function")
    real_lattice: Annotated[list[Vector], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three lattice vectors [x, y, z] (Å)"
    )
    ws_distance: Literal["auto"] | bool = Field("auto", description="'auto', true or false")
    mp_grid: Annotated[list[Count], Field(min_length=3, max_length=3)] | None = Field(
        None, description="a list of three positive integers: the ab initio k mesh, for _tb.dat and _hr.dat without .win"
    )
    periodic: Annotated[list[bool], Field(min_length=3, max_length=3)] = Field(
        [True, True, True], description="three of true and false"
    )
    symmetry: list[str] | None = Field(
        None, description="a list of generators, such as ['C4z', 'Inversion', 'TimeReversal', 'TimeReversal*C2x']"
    )
    symmetry_tolerance: float | None = Field(None, gt=0, description="a number > 0 (eV), with symmetry or symmetrize")
    symmetrize: bool = Field(False, description="true or false; not together with symmetry")
    spin_orbit_strength: float | None = Field(
        None, description="a number: λ times the spin-orbit coupling, 0 none, 1 all; for Wannier functions of pure spin"
    )
    magnetic_moments: list[Vector] | None = Field(
        None, description="a list of [x, y, z] (μ_B), one per atom, with symmetrize"
    )
    spin_current: Literal[tuple(SPIN_CURRENTS)] | list[Literal[tuple(SPIN_CURRENTS)]] = Field(
        "projected",
        description=f"one of {_QUOTED_SPIN_CURRENTS}: spin current of the conventional conductivity; or a list of several",
    )
    check_overlaps: bool = Field(True, description="true or false: compare the overlaps of .mmn and .chk")

    @field_validator("spin_current")
    @classmethod
    def _known_kinds(cls, kinds):
        if isinstance(kinds, list) and not kinds:
            raise ValueError("no kind")
        return _each_once(kinds) if isinstance(kinds, list) else kinds

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
    """[fermi]: the Fermi level and the scan around it, or the number of electrons that sets it."""

    level: float | None = Field(None, description="a number (eV): the Fermi level, for which the table is printed")
    window: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers (eV) relative to the level, [below, above] with below < 0 < above"
    )
    points: int | None = Field(
        None, ge=2, le=MOST_LEVELS, description=f"an integer >= 2 and <= {MOST_LEVELS} (27 components of so many "
        "levels are 2.7 million rows of result.csv), to go with window",
    )
    levels: list[float] | None = Field(None, min_length=1, description="a list of numbers (eV)")
    electrons: float | None = Field(
        None, description="a number > 0: electrons per cell, which set the level at each temperature"
    )
    carriers: float | None = Field(
        None, description="a number: electrons per cell (or carriers_per) more than those below the level at zero temperature "
        "on this mesh, so that the level should lie in the gap; holes: < 0",
    )
    carriers_per: Literal["cell", "cm3"] = Field("cell", description="'cell' or 'cm3' (cm² of a sheet)")

    @model_validator(mode="after")
    def _one_scan(self):
        if self.electrons is None and self.level is None:
            raise _problem("level", type(self).model_fields["level"].description, "nothing")
        if self.electrons is not None and (self.level is not None or self.carriers is not None):
            other = "level" if self.level is not None else "carriers"
            raise _problem("electrons", f"either electrons, or {other}", "both")
        if self.counted and (self.window is not None or self.levels is not None):
            scan = "window" if self.window is not None else "levels"
            raise _problem(scan, "none, as the number of electrons sets the level", getattr(self, scan))
        if self.carriers is None and self.carriers_per != "cell":
            raise _problem("carriers_per", "carriers, which it goes with", "none")
        if self.window is not None and self.levels is not None:
            raise _problem("levels", "either window or levels", "both")
        if self.points is not None and self.window is None:
            raise _problem("points", "window, which points goes with", "no window")
        if self.window is not None and not self.window[0] < 0 < self.window[1]:
            raise _problem("window", type(self).model_fields["window"].description, self.window)
        return self

    @property
    def counted(self) -> bool:
        """Whether a number of electrons sets the level."""
        return self.electrons is not None or self.carriers is not None

    def scan(self, uniform: bool = False) -> np.ndarray | Electrons:
        """Ascending Fermi levels in eV, the level itself being one of them; or the number of electrons.

        Parameters
        ----------
        uniform : bool
            Move the grid of a window onto the level, instead of adding the level to it.
        """
        if self.electrons is not None:
            return Electrons(self.electrons)
        if self.carriers is not None:
            return Electrons(level=self.level, carriers=self.carriers, per=self.carriers_per)
        if self.levels is not None:
            levels = np.unique(np.array(self.levels))
        elif self.window is not None:
            levels = self.level + self._of_window + (self.shift if uniform else 0.0)
        else:
            levels = np.array([])
        others = levels[np.abs(levels - self.level) > _SAME_LEVEL]
        return np.sort(np.append(others, self.level))

    @property
    def _of_window(self):
        """Grid of the window, relative to the level."""
        return np.linspace(*self.window, self.points or 201)

    @property
    def shift(self) -> float:
        """What moves the nearest point of the window onto the level, eV; 0 without a window."""
        if self.window is None:
            return 0.0
        nearest = float(self._of_window[np.abs(self._of_window).round(9).argmin()])  # the lower one of two
        return -nearest if abs(nearest) > _SAME_LEVEL else 0.0

    @property
    def table_level(self) -> float | None:
        """The level of the table; None where a number of electrons sets it."""
        return None if self.counted else self.level


class Temperature(_Section):
    """[temperature]."""

    kBT: float | list[float] | None = Field(None, description="a number or a list of numbers (eV); or kelvin instead")
    kelvin: float | list[float] | None = Field(None, description="a number or a list of numbers (K)")
    fermi_surface_width: float | None = Field(None, gt=0, description="a number > 0 (eV), only for kBT = 0")
    tetrahedra: bool = Field(False, description="true or false: linear tetrahedra, only for kBT = 0")

    @model_validator(mode="after")
    def _one_temperature(self):
        if (self.kBT is None) == (self.kelvin is None):
            found = "nothing" if self.kBT is None else "both"
            raise _problem("kBT", "one of kBT (eV) and kelvin", found)
        return self

    @field_validator("kBT", "kelvin")
    @classmethod
    def _different(cls, values):
        return _each_once(values) if isinstance(values, list) else values

    @property
    def energy(self) -> float | list[float]:
        """k_B T in eV, one or several."""
        if self.kBT is not None:
            return self.kBT
        values = BOLTZMANN_EV * np.asarray(self.kelvin, dtype=float)
        return values.tolist()


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

    @field_validator("compare")
    @classmethod
    def _different(cls, thresholds):
        return _each_once(thresholds)


class Quantities(_Section):
    """[quantities]: what is computed, of which observable."""

    names: list[Literal[(*SUMS, *SETS)]] = Field(
        ["kubo", "conserved", "conventional"],
        min_length=1,
        description=f"a list of {', '.join(SUMS)}; or {', '.join(SETS)}, which stands for several",
    )
    operator: Literal[operator_names()] = Field(
        "spin", description=f"one of {', '.join(map(repr, operator_names()))}; 'charge' is the identity"
    )
    external_terms: bool = Field(True, description="true or false")
    compute_components: list[str] | None = Field(
        None, min_length=1, description="a list of components, such as ['xyz']: only these are computed, with those that the "
        "symmetry links to them, of quantities with as many axes",
    )
    parts: Literal["atoms"] | dict[str, list[int | str]] = Field(
        {}, description="'atoms', or a table of lists of functions (from 0) or labels of atoms, such as parts.top = [0, 1, 2]"
    )
    options: dict[str, dict[str, Any]] = Field(
        {}, description="a table of options by name of the quantity, such as options.drift.relaxation_time = 10.0"
    )

    @property
    def in_order(self) -> list[str]:
        """Names in the order of the catalogue."""
        return [name for name in SUMS if name in self.names]

    @field_validator("parts")
    @classmethod
    def _of_identifiers(cls, parts):
        if isinstance(parts, dict) and not all(name.isidentifier() and members for name, members in parts.items()):
            raise ValueError("no names")
        return parts

    @field_validator("names")
    @classmethod
    def _different(cls, names):
        given = _each_once(names)
        of_sets = [name for chosen in given if chosen in SETS for name in SETS[chosen]]
        return list(dict.fromkeys([*of_sets, *(name for name in given if name not in SETS)]))

    @model_validator(mode="after")
    def _options_of_quantities(self):
        for name, options in self.options.items():
            if name not in self.names:
                raise _problem("options", f"quantities of names, {', '.join(self.names)}", name)
            known = {option: None for option in SUMS[name].options if option not in _KEYS}
            for option, value in options.items():
                if option in _KEYS:
                    raise _problem(f"options.{name}.{option}", "[{}] {}".format(*_KEYS[option]), repr(value))
                if option not in known:
                    expected = f"one of {', '.join(known)}" if known else f"none, as {name} has no options"
                    raise _problem(f"options.{name}.{option}", expected, "an unknown option")
        return self


class Output(_Section):
    """[output]."""

    folder: RelativePath = Field(description="a string: folder for the results, relative to the TOML file")
    overwrite: bool = Field(False, description="true or false")
    components: list[str] | None = Field(
        None, min_length=1, description="a list of components to print and plot, such as ['xyz']: current, field, spin"
    )
    plot: bool = Field(True, description="true or false")
    rotate: Annotated[list[Vector], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three directions [x, y, z] at right angles: axes of all results, such as those of a film"
    )

    @field_validator("rotate")
    @classmethod
    def _right_handed(cls, axes):
        if axes is not None:
            frame_of(axes)
        return axes

    @field_validator("components")
    @classmethod
    def _of_axes(cls, components):
        if components is not None and any(re.fullmatch("[xyz]+", component) is None for component in components):
            raise ValueError("not components")
        return _each_once(components)


class Run(_Section):
    """[run]: how the work is done; nothing here changes the numbers beyond their last digits."""

    checkpoint: RelativePath | None = Field(
        None, description="a string: folder for finished parts, relative to the TOML file"
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

    @property
    def shift(self) -> float:
        """How far the window is moved, eV, so that its spacing can be the width of the Fermi surface at kBT = 0."""
        temperature = self.temperature
        cold = np.all(np.equal(temperature.energy, 0.0)) and not temperature.tetrahedra
        surface = any("surface" in SUMS[name].calculator.occupations for name in self.quantities.names)
        return self.fermi.shift if cold and surface and temperature.fermi_surface_width is None else 0.0

    def scan(self) -> np.ndarray | Electrons:
        """Fermi levels in eV, or the number of electrons, see `Fermi.scan`."""
        return self.fermi.scan(uniform=self.shift != 0.0)

    @model_validator(mode="after")
    def _consistent(self):
        calculators = {}
        for name in self.quantities.in_order:
            try:
                for variable, options in _with_parts(self, name).items():
                    calculators[variable] = _make_calculator(self, name, **options)
            except InputError as error:
                section, key = key_of(error.source, name)
                found = error.found
                if key == "kBT" and self.temperature.kBT is None:
                    key, found = "kelvin", f"{self.temperature.kelvin} K"
                raise _problem(key, error.expected, found, section) from None
        if self.output.rotate and self.quantities.compute_components:
            expected = "none with [quantities] compute_components, which are in the axes of the crystal"
            raise _problem("rotate", expected, "both", "output")
        if needs_matrices(self.system.spin_current) and self.quantities.operator != "spin":
            expected = f"'projected' with [quantities] operator '{self.quantities.operator}', or operator 'spin'"
            raise _problem("spin_current", expected, self.system.spin_current, "system")
        axes = {"".join(calculator.cartesian_axes): None for calculator in calculators.values()}
        lengths = sorted({len(letters) for letters in axes} - {0})
        for component in self.output.components or ():
            if len(component) not in lengths:
                numbers = " or ".join(map(str, lengths))
                expected = f"{numbers} of x, y and z, one for each axis of {', '.join(filter(None, axes))}"
                none = "none, as no quantity asked for has components"
                operator = f"'{component}' with operator '{self.quantities.operator}'"
                raise _problem("components", expected if lengths else none, operator, "output")
        if self.temperature.fermi_surface_width is not None and not any(
            calculator.fermi_surface_width for calculator in calculators.values()
        ):
            raise _problem(
                "fermi_surface_width",
                "none, as no quantity asked for has a Fermi-surface term",
                self.temperature.fermi_surface_width,
                "temperature",
            )
        return self


def path_keys() -> list[tuple[str, str]]:
    """Section and key of everything in an input file that is a path relative to its folder."""
    return [
        (section, key)
        for section, table in Config.model_fields.items()
        for key, field in table.annotation.model_fields.items()
        if any(isinstance(mark, _IsPath) for mark in _marks(field))
    ]


def _marks(field):
    """What is annotated to the type of a field, and to the members of a union."""
    members = get_args(field.annotation)
    return [*field.metadata, *(mark for member in members for mark in getattr(member, "__metadata__", ()))]


_KEYS = {
    "Efermi": ("fermi", "levels"),
    "electrons": ("fermi", "electrons"),
    "kBT": ("temperature", "kBT"),
    "fermi_surface_width": ("temperature", "fermi_surface_width"),
    "tetra": ("temperature", "tetrahedra"),
    "degen_thresh": ("multiplets", "threshold"),
    "spin_current": ("system", "spin_current"),
    "operator": ("quantities", "operator"),
    "mesh": ("grid", "mesh"),
    "adpt_num_iter": ("grid", "adpt_num_iter"),
    "adpt_mesh": ("grid", "adpt_mesh"),
    "adpt_fac": ("grid", "adpt_fac"),
    "memory_per_rank": ("run", "memory_per_rank"),
}
"""Section and key for each argument of a calculator or a run; other arguments are options of a quantity."""


def key_of(argument: Any, quantity: str = "") -> tuple[str, str] | None:
    """Section and key that give an argument of a calculator: an option of its own where there is no other.

    Parameters
    ----------
    argument : str
    quantity : str
        Whose calculator it is; without one, None where no key of all quantities gives the argument.
    """
    if argument in _KEYS:
        return _KEYS[argument]
    return ("quantities", f"options.{quantity}.{argument}") if quantity else None


def make_calculators(config: Config) -> dict[str, Any]:
    """Calculators of an input file by name, in the order of the catalogue."""
    made = {}
    for name in config.quantities.in_order:
        for variable, options in _with_parts(config, name).items():
            made[variable] = _make_calculator(config, name, **options)
    return made


def _kinds(config, name):
    """Variables of a quantity, with the options that tell them apart: one for each spin current that it has."""
    if "spin_current" not in SUMS[name].options:
        return {name: {}}
    first, *others = spin_currents(config.system.spin_current)
    return {name: {"spin_current": first}} | {f"{name}_{kind}": {"spin_current": kind} for kind in others}


def _with_parts(config, name):
    """Variables of a quantity, with the options that tell them apart: all of it, and of each part of the cell."""
    found, parts = _kinds(config, name), config.quantities.parts
    if parts and parts != "atoms" and SUMS[name].of_observable:  # atoms are known when the system is
        whole = get_operator(config.quantities.operator)
        for part, members in parts.items():
            found[f"{name}_{part}"] = {"operator": on_functions(whole, members, name=part)}
    return found


def _make_calculator(config, name, **own):
    entry = SUMS[name]
    options = dict(config.quantities.options.get(name, {})) | own
    if "surface" in entry.calculator.occupations:
        options["fermi_surface_width"] = config.temperature.fermi_surface_width
    if entry.of_observable:
        options.setdefault("operator", config.quantities.operator)
    wanted = _components_for(entry, options, config.quantities.compute_components)
    calculator = entry.calculator(
        config.scan(),
        **wanted,
        degen_thresh=config.multiplets.threshold,
        degen_Kramers=config.multiplets.kramers is True,
        kBT=config.temperature.energy,
        tetra=config.temperature.tetrahedra,
        kwargs_formula={"external_terms": config.quantities.external_terms},
        **options,
    )
    calculator.noted_level = config.fermi.table_level
    return calculator


def _components_for(entry, options, components):
    """The components that a quantity is to compute, as an argument: those with as many letters as it has axes."""
    if not components or not entry.axes:
        return {}
    number = len(entry.axes) + (entry.of_observable and get_operator(options["operator"]).rank)
    fitting = [component for component in components if len(component) == number]
    return {"compute_components": fitting} if fitting else {}


def _problem(key: str, expected: str, found: Any, section: str = "") -> PydanticCustomError:
    """Error of a validator that sees more than one key."""
    return PydanticCustomError(
        "key", "{expected}", {"section": section, "key": key, "expected": expected, "found": str(found)}
    )
