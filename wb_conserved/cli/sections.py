"""The sections of an input file and their keys, each validated by itself."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..calculators import OVER_LEVELS, SETS
from ..diagnostics.mesh_series import series_of_widths
from ..geometry.spin_current import SPIN_CURRENTS
from ..models import MODELS
from ..occupations import Electrons
from ..results.rotation import frame_of
from ..units import BOLTZMANN_EV
from .observable import OBSERVABLES
from .section import KEYS, Count, Pair, RelativePath, Section, Vector, each_once, problem

_QUOTED_SPIN_CURRENTS = ", ".join(map(repr, SPIN_CURRENTS))
_SAME_LEVEL = 1e-9
MOST_LEVELS = 10**5


class System(Section):
    """[system]: arguments of `wb_conserved.load_system`, and the symmetry."""

    path: RelativePath | None = Field(
        None, description="a string: seedname, file or folder, relative to the TOML file; or model instead"
    )
    model: Literal[tuple(MODELS)] | None = Field(
        None, description=f"one of {', '.join(map(repr, MODELS))}: a model with known answers, in place of path"
    )
    parameters: dict[str, float | bool] = Field(
        {}, description="a table of arguments of the model, such as parameters.alpha = 0.5"
    )
    up: RelativePath | None = Field(
        None, description="a string: seedname, file or folder of functions of spin up, relative to the TOML file"
    )
    down: RelativePath | None = Field(
        None, description="a string: seedname, file or folder of functions of spin down, relative to the TOML file"
    )
    spin_order: Literal["interlaced", "block", "qe", "vasp5", "vasp6", "fplo"] | list[Pair] | None = Field(
        None, description="'interlaced', 'block', a code ('qe', 'vasp5', 'vasp6', 'fplo') or a list of pairs [up, down]"
    )
    spin_axis: Vector | None = Field(None, description="three numbers: the direction that spin_order calls up, if not z")
    spin_angles: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers [θ, φ] (degrees), in place of spin_axis"
    )
    spin_orbit_strength: float | None = Field(
        None,
        description="a number: λ times the spin-orbit coupling, 0 none, 1 all; of a SystemSOC, or of Wannier functions of pure "
        "spin",
    )
    spin_tolerance: float | None = Field(
        None, gt=0, description="a number > 0 (Å): how far the centres of an up and a down function may be apart"
    )
    spin_part_tolerance: float | None = Field(None, gt=0, description="a number > 0: spin-dependent part of H over the rest")
    time_reversal: bool | None = Field(
        None, description="true or false: whether the bands in spin_order must have time reversal; found from them if not given"
    )
    time_reversal_tolerance: float | None = Field(
        None, gt=0, description="a number > 0 (eV): how far H may be from time reversal, with spin_order"
    )
    wannier_centers: list[Vector] | None = Field(
        None, description="a list of [x, y, z] (Å), one per Wannier function: centres for _hr.dat"
    )
    real_lattice: Annotated[list[Vector], Field(min_length=3, max_length=3)] | None = Field(
        None, description="three lattice vectors [x, y, z] (Å), for _hr.dat without .win and .nnkp"
    )
    ws_distance: Literal["auto"] | bool = Field(
        "auto", description="'auto', true or false: hoppings to the nearest copies, as use_ws_distance of Wannier90"
    )
    mp_grid: Annotated[list[Count], Field(min_length=3, max_length=3)] | None = Field(
        None, description="a list of three positive integers: the ab initio k mesh, for _tb.dat and _hr.dat without .win"
    )
    periodic: Annotated[list[bool], Field(min_length=3, max_length=3)] = Field(
        [True, True, True],
        description="three of true and false: directions that are periodic; a slab has one false, a wire two",
    )
    symmetry: list[str] | None = Field(
        None, description="a list of generators, such as ['C4z', 'Inversion', 'TimeReversal', 'TimeReversal*C2x']"
    )
    symmetry_tolerance: float | None = Field(
        None, gt=0, description="a number > 0 (eV): how far bands may break the symmetry; with symmetry or symmetrize"
    )
    symmetrize: bool = Field(
        False,
        description="true or false: restore the symmetry of the crystal from .nnkp and .win; not together with symmetry",
    )
    magnetic_moments: list[Vector] | None = Field(
        None, description="a list of [x, y, z] (μ_B), one per atom: magnetic moments, with symmetrize"
    )
    spin_current: Literal[tuple(SPIN_CURRENTS)] | list[Literal[tuple(SPIN_CURRENTS)]] = Field(
        "projected",
        description=f"one of {_QUOTED_SPIN_CURRENTS}: spin current of the conventional conductivity; or a list of several",
    )
    outside_states: bool = Field(
        False, description="true or false: orbital magnetization of the charge with states outside the Wannier space (.uHu)"
    )
    check_overlaps: bool = Field(True, description="true or false: compare the overlaps of .mmn and .chk")

    @field_validator("spin_current")
    @classmethod
    def _known_kinds(cls, kinds):
        if isinstance(kinds, list) and not kinds:
            raise ValueError("no kind")
        return each_once(kinds) if isinstance(kinds, list) else kinds

    @property
    def sources(self) -> dict[str, str]:
        """Paths by the argument of `load_system`."""
        given = {"path": self.path, "up": self.up, "down": self.down}
        return {name: path for name, path in given.items() if path is not None}

    @property
    def title(self) -> str:
        """Names of the files, for titles."""
        return ", ".join(Path(path).name for path in self.sources.values()) or str(self.model)

    @property
    def name(self) -> str:
        """Paths or model, for messages."""
        return ", ".join(self.sources.values()) or str(self.model)

    @model_validator(mode="after")
    def _one_source(self):
        if self.path is None and self.up is None and self.model is None:
            raise problem("path", type(self).model_fields["path"].description, "nothing")
        if self.path is not None and self.up is not None:
            raise problem("up", "either path, or up and down", "both")
        if self.down is not None and self.up is None:
            raise problem("down", "up, which it goes with", "none")
        if self.model is None:
            if self.parameters:
                raise problem("parameters", "model, which they go with", "none")
            return self
        if self.sources:
            raise problem("path", type(self).model_fields["path"].description, "both")
        own = {"model", "parameters", "symmetry", "symmetry_tolerance"}
        fields = type(self).model_fields
        given = sorted(key for key in fields if key not in own and getattr(self, key) != fields[key].default)
        if given:
            raise problem(given[0], "none with model, which has its own", repr(getattr(self, given[0])))
        known = inspect.signature(MODELS[self.model]).parameters
        for parameter, value in self.parameters.items():
            if parameter not in known:
                raise problem(f"parameters.{parameter}", f"one of {', '.join(known)}", "an unknown argument")
            kind = type(known[parameter].default)
            if kind in (bool, int) and (isinstance(value, bool) != (kind is bool) or value != kind(value)):
                expected = "true or false" if kind is bool else "an integer"
                raise problem(f"parameters.{parameter}", expected, repr(value))
        return self

    @model_validator(mode="after")
    def _one_symmetry(self):
        if self.symmetrize and self.symmetry is not None:
            raise problem("symmetrize", "either symmetrize or symmetry, which the crystal's own replaces", "both")
        if self.symmetry_tolerance is not None and not self.symmetrize and self.symmetry is None:
            raise problem("symmetry_tolerance", "symmetry or symmetrize, which it goes with", "neither")
        return self


class Grid(Section):
    """[grid]."""

    mesh: Count | Annotated[list[Count], Field(min_length=3, max_length=3)] = Field(
        description="a positive integer, or three of them: k points along each reciprocal vector"
    )
    adpt_num_iter: int = Field(0, ge=0, description="an integer >= 0: iterations of adaptive refinement")
    adpt_mesh: Annotated[int, Field(ge=2)] = Field(2, description="an integer >= 2: parts of a divided K point")
    adpt_fac: Count = Field(1, description="a positive integer: K points divided per quantity and criterion")


class Fermi(Section):
    """[fermi]: the Fermi level and the scan around it, or the number of electrons that sets it."""

    level: float | None = Field(None, description="a number (eV): the Fermi level, for which the table is printed")
    window: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers (eV) relative to the level, [below, above] with below < 0 < above: the scan of levels"
    )
    points: int | None = Field(
        None, ge=2, le=MOST_LEVELS, description=f"an integer >= 2 and <= {MOST_LEVELS} (27 components of so many "
        "levels are 2.7 million rows of result.csv), to go with window",
    )
    levels: list[float] | None = Field(
        None, min_length=1, description="a list of numbers (eV): Fermi levels of the scan, absolute"
    )
    electrons: float | None = Field(
        None, description="a number > 0: electrons per cell, which set the level at each temperature"
    )
    carriers: float | None = Field(
        None, description="a number: electrons per cell (or carriers_per) more than those below the level at zero temperature "
        "on this mesh, so that the level should lie in the gap; holes: < 0",
    )
    carriers_per: Literal["cell", "cm3"] = Field(
        "cell", description="'cell' or 'cm3' (cm² of a sheet): what carriers are counted in"
    )

    @model_validator(mode="after")
    def _one_scan(self):
        if self.electrons is None and self.level is None:
            raise problem("level", type(self).model_fields["level"].description, "nothing")
        if self.electrons is not None and (self.level is not None or self.carriers is not None):
            other = "level" if self.level is not None else "carriers"
            raise problem("electrons", f"either electrons, or {other}", "both")
        if self.counted and (self.window is not None or self.levels is not None):
            scan = "window" if self.window is not None else "levels"
            raise problem(scan, "none, as the number of electrons sets the level", getattr(self, scan))
        if self.carriers is None and self.carriers_per != "cell":
            raise problem("carriers_per", "carriers, which it goes with", "none")
        if self.window is not None and self.levels is not None:
            raise problem("levels", "either window or levels", "both")
        if self.points is not None and self.window is None:
            raise problem("points", "window, which points goes with", "no window")
        if self.window is not None and not self.window[0] < 0 < self.window[1]:
            raise problem("window", type(self).model_fields["window"].description, self.window)
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


class Temperature(Section):
    """[temperature]."""

    kBT: float | list[float] | None = Field(
        None, description="a number or a list of numbers (eV): temperature; or kelvin instead"
    )
    kelvin: float | list[float] | None = Field(
        None, description="a number or a list of numbers (K): temperature; or kBT instead"
    )
    fermi_surface_width: float | None = Field(
        None,
        gt=0,
        description="a number > 0 (eV): half-width of the box for −∂f/∂ε, only for kBT = 0; else the spacing of the scan",
    )
    tetrahedra: bool = Field(False, description="true or false: linear tetrahedra, only for kBT = 0")

    @model_validator(mode="after")
    def _one_temperature(self):
        if (self.kBT is None) == (self.kelvin is None):
            found = "nothing" if self.kBT is None else "both"
            raise problem("kBT", "one of kBT (eV) and kelvin", found)
        return self

    @field_validator("kBT", "kelvin")
    @classmethod
    def _different(cls, values):
        return each_once(values) if isinstance(values, list) else values

    @property
    def energy(self) -> float | list[float]:
        """k_B T in eV, one or several."""
        if self.kBT is not None:
            return self.kBT
        values = BOLTZMANN_EV * np.asarray(self.kelvin, dtype=float)
        return values.tolist()


class Multiplets(Section):
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
        return each_once(thresholds)


class Quantities(Section):
    """[quantities]: what is computed, of which observable."""

    names: list[Literal[(*OVER_LEVELS, *SETS)]] = Field(
        ["kubo", "conserved", "conventional"],
        min_length=1,
        description=f"a list of {', '.join(OVER_LEVELS)}; or {', '.join(SETS)}, which stands for several",
    )
    operator: Literal[tuple(OBSERVABLES)] = Field(
        "spin",
        description=f"one of {', '.join(map(repr, OBSERVABLES))}: the observable whose current flows; identity and charge are "
        "the same for electrons, and [observable] says more of the last ones",
    )
    external_terms: bool = Field(True, description="true or false: position matrices between Wannier functions are used")
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
        return [name for name in OVER_LEVELS if name in self.names]

    @field_validator("parts")
    @classmethod
    def _of_identifiers(cls, parts):
        if isinstance(parts, dict) and not all(name.isidentifier() and members for name, members in parts.items()):
            raise ValueError("no names")
        return parts

    @field_validator("names")
    @classmethod
    def _different(cls, names):
        given = each_once(names)
        of_sets = [name for chosen in given if chosen in SETS for name in SETS[chosen]]
        return list(dict.fromkeys([*of_sets, *(name for name in given if name not in SETS)]))

    @model_validator(mode="after")
    def _options_of_quantities(self):
        for name, options in self.options.items():
            if name not in self.names:
                raise problem("options", f"quantities of names, {', '.join(self.names)}", name)
            known = {option: None for option in OVER_LEVELS[name].options if option not in KEYS}
            for option, value in options.items():
                if option in KEYS:
                    raise problem(f"options.{name}.{option}", "[{}] {}".format(*KEYS[option]), repr(value))
                if option not in known:
                    expected = f"one of {', '.join(known)}" if known else f"none, as {name} has no options"
                    raise problem(f"options.{name}.{option}", expected, "an unknown option")
        return self


class Output(Section):
    """[output]."""

    folder: RelativePath = Field(description="a string: folder for the results, relative to the TOML file")
    overwrite: bool = Field(False, description="true or false: replace results that are there")
    components: Annotated[list[str], Field(min_length=1)] | Literal["all", "allowed", "nonzero"] | None = Field(
        None,
        description="a list of components to print and plot, such as ['xyz']: current, field, spin; or 'all', 'allowed' (by "
        "the point group) or 'nonzero'; each quantity has one of its own if not given",
    )
    plot: bool = Field(True, description="true or false: draw pictures, with matplotlib")
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
        if isinstance(components, str):
            return components
        if components is not None and any(re.fullmatch("[xyz]+", component) is None for component in components):
            raise ValueError("not components")
        return each_once(components)


class Run(Section):
    """[run]: how the work is done; nothing here changes the numbers beyond their last digits."""

    checkpoint: RelativePath | None = Field(
        None, description="a string: folder for finished parts, relative to the TOML file"
    )
    memory_per_rank: float | None = Field(None, gt=0, description="a number > 0 (GB): memory of a process")


class Convergence(Section):
    """[convergence], for the command of that name."""

    meshes: list[Count | Annotated[list[Count], Field(min_length=3, max_length=3)]] = Field(
        [], description="a list of at least three meshes, each a positive integer or three of them"
    )
    thresholds: list[Annotated[float, Field(ge=0)]] = Field(
        [], description="a list of multiplet thresholds >= 0 (eV), for which numbers are repeated on the finest mesh"
    )
    kBT: list[Annotated[float, Field(gt=0)]] = Field(
        [], description="a list of temperatures > 0 (eV), for which the numbers at the level are repeated on the finest mesh"
    )
    widths: list[Annotated[float, Field(gt=0)]] = Field(
        [], description="a list of at least three widths of energy shells > 0 (eV), each smaller than the one before"
    )

    @field_validator("thresholds", "kBT")
    @classmethod
    def _different(cls, values):
        return each_once(values)

    @field_validator("widths")
    @classmethod
    def _series(cls, widths):
        if widths:
            series_of_widths(widths)
        return widths
