"""An input file as a whole: its sections, what they must have in common, and the calculators that they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import Field, model_validator

from ..calculators import OVER_LEVELS, WITH_IMPURITIES
from ..disorder import Disorder
from ..errors import InputError
from ..geometry.spin_current import needs_matrices, spin_currents
from ..occupations import Electrons
from ..operators import Operator, get_operator, on_functions
from .impurity_sections import DisorderSettings, ImpurityTable
from .magnons import Magnons, check_magnons, without_electrons
from .observable import Observable
from .section import IsPath, Section, key_of, problem
from .sections import Convergence, Fermi, Grid, Multiplets, Output, Quantities, Run, System, Temperature
from .superconductor import Superconductor


class Config(Section):
    """A whole input file."""

    system: System | None = None  # not with magnons, nor is fermi
    observable: Observable
    grid: Grid
    fermi: Fermi | None = None
    temperature: Temperature
    multiplets: Multiplets
    quantities: Quantities
    output: Output
    run: Run
    convergence: Convergence
    impurity: list[ImpurityTable] = Field([], description="tables [[impurity]]")
    disorder: DisorderSettings
    superconductor: Superconductor | None = None
    magnons: Magnons | None = None

    @model_validator(mode="before")
    @classmethod
    def _quantities_with_impurities(cls, data):
        """All that impurities make, where nothing else is said; the sections of electrons, or magnons."""
        if data.get("magnons") is not None:
            return without_electrons(data)
        data = {"system": {}, "fermi": {}} | data
        quantities = data.get("quantities")
        if data.get("impurity") and isinstance(quantities, dict):
            return data | {"quantities": {"names": list(WITH_IMPURITIES)} | quantities}
        return data

    def scatterers(self) -> Disorder | None:
        """The impurities, and how they scatter; None without any."""
        return Disorder([table.impurity() for table in self.impurity], **self.disorder.model_dump()) if self.impurity else None

    @property
    def has_levels(self) -> bool:
        """Whether results are over Fermi levels, rather than over temperatures alone."""
        return self.magnons is None and not self.fermi.counted and self.superconductor is None

    @property
    def name(self) -> str:
        """Where the system comes from, for messages."""
        return self.system.name if self.magnons is None else self.magnons.path

    @property
    def title(self) -> str:
        """The same for titles."""
        return self.system.title if self.magnons is None else Path(self.magnons.path).name

    @property
    def table_level(self) -> float | None:
        """Fermi level of the table, eV; None where nothing sets it, or a number of electrons does."""
        return self.fermi.table_level if self.magnons is None else None

    @property
    def shift(self) -> float:
        """How far the window is moved, eV, so that its spacing can be the width of the Fermi surface at kBT = 0."""
        temperature = self.temperature
        if self.magnons is not None:
            return 0.0
        cold = np.all(np.equal(temperature.energy, 0.0)) and not temperature.tetrahedra
        surface = any("surface" in OVER_LEVELS[name].calculator.occupations for name in self.quantities.names)
        return self.fermi.shift if cold and surface and temperature.fermi_surface_width is None else 0.0

    @property
    def operator(self) -> str | Operator:
        """Observable: what its name stands for in the system, once that is loaded; before, one that declares the same."""
        return self.observable.operator(self.quantities.operator)

    def scan(self) -> np.ndarray | Electrons | None:
        """Fermi levels in eV, or the number of electrons, see `Fermi.scan`; None for magnons."""
        return None if self.magnons is not None else self.fermi.scan(uniform=self.shift != 0.0)

    @model_validator(mode="after")
    def _impurities_and_what_they_enter(self):
        needing = [name for name in self.quantities.in_order if OVER_LEVELS[name].needs_impurities]
        if needing and not self.impurity:
            raise problem("names", f"[[impurity]] tables, which {needing[0]} needs", "none", "quantities")
        if self.impurity and not needing:
            known = ", ".join(name for name, entry in OVER_LEVELS.items() if entry.needs_impurities)
            raise problem("names", f"one that [[impurity]] enters: {known}", ", ".join(self.quantities.names), "quantities")
        if self.convergence.widths and not self.impurity:
            expected = "none without [[impurity]], as nothing else has energy shells"
            raise problem("widths", expected, self.convergence.widths, "convergence")
        if self.impurity and self.grid.adpt_num_iter:
            expected = "0 with [[impurity]], whose equation is solved on one mesh"
            raise problem("adpt_num_iter", expected, self.grid.adpt_num_iter, "grid")
        plain = DisorderSettings().model_dump()
        given = [key for key, value in self.disorder.model_dump().items() if value != plain[key]]
        if given and not self.impurity:
            raise problem(given[0], "[[impurity]] tables, which it goes with", "none", "disorder")
        try:
            self.scatterers()
        except InputError as error:
            raise problem(error.source, error.expected, error.found, "impurity") from None
        return self

    @model_validator(mode="after")
    def _of_superconductors(self):
        if self.superconductor is None:
            return self
        for key in ("window", "levels", "electrons", "carriers"):
            if getattr(self.fermi, key) is not None:
                raise problem(key, "level alone with [superconductor], whose bands are filled up to it", "it", "fermi")
        if self.system.symmetry is not None:
            raise problem("symmetry", "none with [superconductor], which has a symmetry of its own", "it", "system")
        if self.temperature.tetrahedra or self.temperature.fermi_surface_width is not None:
            key = "tetrahedra" if self.temperature.tetrahedra else "fermi_surface_width"
            raise problem(key, "none with [superconductor]", getattr(self.temperature, key), "temperature")
        refused = [name for name in self.quantities.in_order if OVER_LEVELS[name].calculator.force == "electric field"]
        refused += [name for name in self.quantities.in_order if name == "number_of_electrons"]
        if refused:
            expected = "quantities of quasiparticles with [superconductor], on which no electric field acts"
            raise problem("names", expected, ", ".join(refused), "quantities")
        if self.quantities.operator == "identity":
            expected = "'charge' or 'spin' with [superconductor], as the number of quasiparticles is not conserved"
            raise problem("operator", expected, "'identity'", "quantities")
        return self

    @model_validator(mode="after")
    def _consistent(self):
        if self.magnons is not None:
            check_magnons(self)
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
                raise problem(key, error.expected, found, section) from None
        self.observable.check(self.quantities.operator)
        if self.output.rotate and self.quantities.compute_components:
            expected = "none with [quantities] compute_components, which are in the axes of the crystal"
            raise problem("rotate", expected, "both", "output")
        if self.magnons is None and needs_matrices(self.system.spin_current) and self.quantities.operator != "spin":
            expected = f"'projected' with [quantities] operator '{self.quantities.operator}', or operator 'spin'"
            raise problem("spin_current", expected, self.system.spin_current, "system")
        axes = {"".join(calculator.cartesian_axes): None for calculator in calculators.values()}
        lengths = sorted({len(letters) for letters in axes} - {0})
        wanted = self.output.components
        for component in [] if isinstance(wanted, str) or wanted is None else wanted:
            if len(component) not in lengths:
                numbers = " or ".join(map(str, lengths))
                expected = f"{numbers} of x, y and z, one for each axis of {', '.join(filter(None, axes))}"
                none = "none, as no quantity asked for has components"
                operator = f"'{component}' with operator '{self.quantities.operator}'"
                raise problem("components", expected if lengths else none, operator, "output")
        if self.temperature.fermi_surface_width is not None and not any(
            calculator.fermi_surface_width for calculator in calculators.values()
        ):
            raise problem(
                "fermi_surface_width",
                "none, as no quantity asked for has a Fermi-surface term",
                self.temperature.fermi_surface_width,
                "temperature",
            )
        return self


def model_of(section: str) -> type[Section]:
    """The model of a section, or of each table of one that may be there several times."""
    annotation: Any = Config.model_fields[section].annotation
    members = [annotation, *get_args(annotation)]
    return next(member for member in members if isinstance(member, type) and issubclass(member, Section))


def path_keys() -> list[tuple[str, str]]:
    """Section and key of everything in an input file that is a path relative to its folder."""
    return [
        (section, key)
        for section in Config.model_fields
        for key, field in model_of(section).model_fields.items()
        if any(isinstance(mark, IsPath) for mark in _marks(field))
    ]


def _marks(field):
    """What is annotated to the type of a field, and to the members of a union."""
    members = get_args(field.annotation)
    return [*field.metadata, *(mark for member in members for mark in getattr(member, "__metadata__", ()))]


def make_calculators(config: Config) -> dict[str, Any]:
    """Calculators of an input file by name, in the order of the catalogue."""
    return {
        variable: _make_calculator(config, name, **options)
        for name in config.quantities.in_order
        for variable, options in _with_parts(config, name).items()
    }


def _kinds(config, name):
    """Variables of a quantity, with the options that tell them apart: one for each spin current that it has."""
    if "spin_current" not in OVER_LEVELS[name].options or config.magnons is not None:
        return {name: {}}
    first, *others = spin_currents(config.system.spin_current)
    return {name: {"spin_current": first}} | {f"{name}_{kind}": {"spin_current": kind} for kind in others}


def _with_parts(config, name):
    """Variables of a quantity, with the options that tell them apart: all of it, and of each part of the cell."""
    found, parts = _kinds(config, name), config.quantities.parts
    if parts and parts != "atoms" and OVER_LEVELS[name].of_observable:  # atoms are known when the system is
        whole = get_operator(config.operator)
        for part, members in parts.items():
            found[f"{name}_{part}"] = {"part": part, "operator": on_functions(whole, members, name=part)}
    return found


def _make_calculator(config, name, part="", **own):
    entry = OVER_LEVELS[name]
    options = dict(config.quantities.options.get(name, {})) | own
    if "surface" in entry.calculator.occupations:
        options["fermi_surface_width"] = config.temperature.fermi_surface_width
    if "outside_states" in entry.options and config.magnons is None:
        options["outside_states"] = config.system.outside_states
    if entry.of_observable:
        options.setdefault("operator", config.operator)
    if entry.needs_impurities:
        options["disorder"] = config.scatterers()
    wanted = _components_for(entry, options, config.quantities.compute_components)
    calculator = entry.calculator(
        config.scan() if config.superconductor is None else None,
        **wanted,
        degen_thresh=config.multiplets.threshold,
        degen_Kramers=config.multiplets.kramers is True,
        kBT=config.temperature.energy,
        tetra=config.temperature.tetrahedra,
        kwargs_formula={"external_terms": config.quantities.external_terms},
        **options,
    )
    if part:
        calculator.symbol, calculator.long_name = _of_part(calculator.symbol, part), f"{calculator.long_name}, {part}"
    calculator.noted_level = config.table_level if config.has_levels else None
    return calculator


def _of_part(symbol, part):
    """Symbol of a quantity for a part of the cell: σ_K,top of σ_K."""
    letter, _, index = symbol.partition("_")
    index, bracket, argument = index.partition("(")
    return f"{letter}_{','.join(filter(None, [index, part]))}{bracket}{argument}"


def _components_for(entry, options, components):
    """The components that a quantity is to compute, as an argument: those with as many letters as it has axes."""
    if not components or not entry.axes:
        return {}
    number = len(entry.axes) + (entry.of_observable and get_operator(options["operator"]).rank)
    fitting = [component for component in components if len(component) == number]
    return {"compute_components": fitting} if fitting else {}
