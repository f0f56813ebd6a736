"""From the settings of an input file to what `wb_conserved.run` takes: system, symmetry, calculators."""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..calculators.allowed import allowed_components
from ..calculators.base import FREQUENCY
from ..diagnostics import InterpolationReport, interpolation_error, kramers_pairs
from ..diagnostics.interpolation_error import quick_points
from ..diagnostics.mesh_series import series_of_meshes
from ..driver.grid import regular_grid
from ..driver.symmetry import TOLERANCE, check_symmetry
from ..errors import ConfigError, InputError
from ..interpolation import WannierInterpolator
from ..io import load_system
from ..io.ab_initio_mesh import ab_initio_mesh
from ..io.find import find_source
from ..models import MODELS
from ..operators import atoms_of, with_spin_orbit_strength
from ..operators.local import functions_of
from ..results.groups import nonzero
from .config import Config, make_calculators
from .impurity_sections import ImpurityTable
from .magnons import magnons
from .section import key_of
from .superconductor import with_symmetry

logger = logging.getLogger(__name__)


def beside(source: Path, path: str) -> Path:
    """A path of an input file, which is relative to its folder; without detours where it is below the current one."""
    found = source.parent / path
    tidy = os.path.relpath(found.parent.resolve() / found.name)
    return found if tidy.startswith("..") else Path(tidy)


def make_system(config: Config, source: Path):
    """Load the system of an input file and set its symmetry.

    Parameters
    ----------
    config : Config
    source : Path
        The input file; paths are relative to its folder.

    Returns
    -------
    system : wannierberri.system.System_R
    grid : wannierberri.Grid

    Raises
    ------
    InputError, ConfigError
        Data that cannot be used, symmetry that it does not have, or a mesh that the symmetry does not allow.
    """
    if config.magnons is not None:
        system = magnons(config.magnons, source, beside(source, config.magnons.path))
        return system, _grid(config, system, source)
    options = config.system.model_dump(exclude={"path", "up", "down", "model", "parameters", "symmetry"})
    sources = {name: beside(source, path) for name, path in config.system.sources.items()}
    if config.system.symmetry is not None:
        options.pop("symmetry_tolerance")
    try:
        if config.system.model is not None:
            system = _model(config.system)
        else:
            spin = config.observable.needs_spin(config.quantities.operator)
            if config.superconductor is not None:
                spin = config.superconductor.has_spin
            strength = _strength_to_set(config.system, sources)
            if strength is not None:
                options["spin_orbit_strength"], spin = None, True
            system = load_system(**sources, spin=spin, **options)
            if strength is not None:
                system = with_spin_orbit_strength(system, strength)
    except InputError as error:
        if error.source not in options:
            raise
        raise ConfigError(f"{source}: [system] {error.source}: expected {error.expected}; found {error.found}") from None
    generators = config.system.symmetry
    if config.impurity:
        system.set_pointgroup([])  # of impurities, which need not have that of the crystal
        check_impurities(config, system, source)
    elif generators is not None:
        try:
            system.set_pointgroup(generators)
        except (ValueError, AssertionError) as error:
            reason = str(error).split(" : please")[0].strip()
            raise ConfigError(
                f"{source}: [system] symmetry: expected generators that the lattice has; found {generators}: {reason}"
            ) from None
        try:
            check_symmetry(system, _levels(system, config), tolerance=config.system.symmetry_tolerance or TOLERANCE)
        except InputError as error:
            raise ConfigError(
                f"{source}: [system] symmetry: expected {error.expected}; found {error.found} with {generators}"
            ) from None
    return system, _grid(config, system, source)


def _grid(config, system, source):
    try:
        of_grid = system if config.superconductor is None else with_symmetry(system, config.superconductor, source)
        return regular_grid(of_grid, config.grid.mesh)
    except InputError as error:
        raise ConfigError(f"{source}: [grid] {error}") from None


def check_impurities(config: Config, system, source: Path) -> None:
    """Refuse impurities that do not fit a system, or take too much memory.

    Raises
    ------
    ConfigError
    """
    for number, table in enumerate(config.impurity, start=1):
        try:
            table.impurity().resolve(system)
        except InputError as error:
            place = f"[[impurity]] {number}" + (f" {error.source}" if error.source in ImpurityTable.model_fields else "")
            raise ConfigError(f"{source}: {place}: expected {error.expected}; found {error.found}") from None
    for name, calculator in make_calculators(config).items():
        try:
            calculator.requirements(system)
        except InputError as error:
            section, key = key_of(error.source, name)
            raise ConfigError(f"{source}: [{section}] {key}: expected {error.expected}; found {error.found}") from None


def unused_symmetry(config: Config) -> str:
    """What is said of a symmetry that impurities leave without use; empty where there is none."""
    if not config.impurity:
        return ""
    given = "symmetrize" if config.system.symmetrize else "symmetry" if config.system.symmetry else ""
    if not given:
        return ""
    return (
        f"[system] {given}: not used to reduce the mesh or to symmetrise results, as impurities need not have the symmetry of "
        "the crystal; all k points of the mesh are evaluated"
    )


def _strength_to_set(settings, sources):
    """Strength of the spin-orbit coupling of what has none of its own, as a SystemSOC has; None where it stays as it is."""
    if settings.spin_orbit_strength is None or "path" not in sources:
        return None
    reader, *_ = find_source(sources["path"])
    return None if "spin_orbit_strength" in reader.options else settings.spin_orbit_strength


def _model(settings):
    """A model, with whole numbers where it takes those."""
    known = inspect.signature(MODELS[settings.model]).parameters
    arguments = {name: type(known[name].default)(value) for name, value in settings.parameters.items()}
    return MODELS[settings.model](**arguments)


def resolve_observable(config: Config, system, source: Path) -> Config:
    """The settings with the observable that its name stands for in the system.

    Raises
    ------
    ConfigError
        About a key of [observable].
    """
    try:
        found = config.observable.resolved(config.quantities.operator, system, lambda path: beside(source, path))
    except InputError as error:
        place = f"[observable] {error.source}" if error.source in type(config.observable).model_fields else error.source
        raise ConfigError(f"{source}: {place}: expected {error.expected}; found {error.found}") from None
    return config.model_copy(update={"observable": found})


def components(config: Config, system, dataset=None) -> list[str] | None:
    """Components that are shown; of "nonzero" those of a result, or without one those that the point group allows."""
    wanted = config.output.components
    if not isinstance(wanted, str):
        return wanted
    if wanted == "nonzero" and dataset is not None:
        return nonzero(dataset) or None
    found: dict[str, None] = {}
    for calculator in make_calculators(config).values():
        trivial = wanted == "all"
        found |= dict.fromkeys(allowed_components(calculator, None if trivial else system.pointgroup))
    return list(found) or None


def check_meshes(config: Config, system, source: Path) -> None:
    """Refuse meshes of [convergence] that are no series.

    Raises
    ------
    ConfigError
    """
    try:
        series_of_meshes(system, config.convergence.meshes)
    except InputError as error:
        raise ConfigError(f"{source}: [convergence] {error}") from None


def group_kramers_pairs(config: Config, system) -> Config:
    """The settings with ``kramers = "auto"`` decided by the splitting of the bands of the system.

    Parameters
    ----------
    config : Config
    system : wannierberri.system.System_R
    """
    if config.multiplets.kramers != "auto":
        return config
    report = kramers_pairs(system) if system.num_wann % 2 == 0 else None
    logger.info("%s", report or "no Kramers pairs: the number of bands is odd")
    found = report is not None and report.found
    return config.model_copy(update={"multiplets": config.multiplets.model_copy(update={"kramers": found})})


def find_parts(config: Config, system) -> Config:
    """The settings with ``parts = "atoms"`` as the functions of each atom of the system.

    Parameters
    ----------
    config : Config
    system : wannierberri.system.System_R

    Raises
    ------
    InputError
        It is not known which functions are whose, or parts that the system has not.
    """
    if config.quantities.parts == "atoms":
        parts = {name: list(functions) for name, functions in atoms_of(system).items()}
        return config.model_copy(update={"quantities": config.quantities.model_copy(update={"parts": parts})})
    for members in config.quantities.parts.values():
        functions_of(system, members)
    return config


def comparison(config: Config) -> dict:
    """Calculators of the comparison of multiplet thresholds at the Fermi level, by name and threshold; not over frequencies."""
    calculators, own = {}, make_calculators(config)
    depend = [
        name for name, calculator in own.items()
        if "multiplet_threshold_eV" in calculator.parameters() and FREQUENCY not in calculator.further_axes
    ]  # fmt: skip
    for threshold in config.multiplets.compare:
        multiplets = config.multiplets.model_copy(update={"threshold": threshold})
        made = make_calculators(_at_the_level(config.model_copy(update={"multiplets": multiplets}), own))
        calculators |= {(name, threshold): made[name] for name in depend}
    return calculators


def further_settings(config: Config) -> dict[tuple[str, str, float], Any]:
    """Calculators at the Fermi level for the thresholds and temperatures of [convergence], by name, setting and value."""
    own, found = make_calculators(config), {}
    for setting, values in (("threshold", config.convergence.thresholds), ("kBT", config.convergence.kBT)):
        for value in values:
            changed = _at_the_level(config, own)
            if setting == "threshold":
                changed = changed.model_copy(update={"multiplets": config.multiplets.model_copy(update={"threshold": value})})
            else:
                temperature = {"kBT": value, "kelvin": None, "fermi_surface_width": None, "tetrahedra": False}
                changed = changed.model_copy(update={"temperature": config.temperature.model_copy(update=temperature)})
            for name, calculator in make_calculators(changed).items():
                if setting == "kBT" or "multiplet_threshold_eV" in calculator.parameters():
                    found[name, setting, value] = calculator
    return found


def quick_calculators(config: Config) -> tuple[dict, dict]:
    """Calculators at the Fermi level, and the same for each further multiplet threshold by threshold; none with impurities."""
    own = make_calculators(config)
    by_threshold = {}
    for threshold in config.multiplets.compare:
        multiplets = config.multiplets.model_copy(update={"threshold": threshold})
        made = _plain(make_calculators(_at_the_level(config.model_copy(update={"multiplets": multiplets}), own)))
        by_threshold[threshold] = {name: part for name, part in made.items() if "multiplet_threshold_eV" in part.parameters()}
    return _plain(make_calculators(_at_the_level(config, own))), by_threshold


def _plain(calculators):
    """Those over Fermi levels and temperatures alone, of the clean crystal."""
    return {name: part for name, part in calculators.items() if not (part.needs_impurities or part.further_axes)}


def level_of(config: Config, system) -> float:
    """Fermi level, eV; where electrons are counted, about the one that holds them."""
    return config.fermi.table_level if not config.fermi.counted else _levels(system, config)[0]


def _at_the_level(config, own):
    """Settings with the Fermi level alone, for calculators that were made with others."""
    if config.magnons is not None:
        return config
    fermi = config.fermi.model_copy(update={"levels": None, "window": None, "points": None})
    temperature = config.temperature.model_copy(update={"fermi_surface_width": _width(own)})
    return config.model_copy(update={"fermi": fermi, "temperature": temperature})


def interpolation_report(config: Config, system) -> InterpolationReport | None:
    """Error bars of the interpolation at the Fermi level, of what is without impurities; None where the ab initio mesh is not
    known.

    Parameters
    ----------
    config : Config
    system : wannierberri.system.System_R
    """
    if config.magnons is not None or ab_initio_mesh(system) is None:
        return None
    calculators, _ = quick_calculators(config)
    listed = config.output.components if isinstance(config.output.components, list) else None
    points = min(quick_points(system), int(np.max(config.grid.mesh)))
    return interpolation_error(system, level_of(config, system), calculators, listed, mesh=points)


def _width(calculators):
    """Width of the Fermi surface that the calculators use, given or from their scan; None where they need none."""
    return next((part.fermi_surface_width for part in calculators.values() if part.fermi_surface_width), None)


def _levels(system, config):
    """Fermi levels of the scan; where electrons are counted, about the one that holds them."""
    scan = config.scan()
    if not config.fermi.counted:
        return scan
    if scan.level is not None:
        return [scan.level]
    energies = WannierInterpolator(system).band_energies(np.random.default_rng(0).random((8, 3)))
    return [float(np.quantile(energies, min(1.0, scan.number / system.num_wann)))]
