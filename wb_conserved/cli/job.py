"""From the settings of an input file to what `wb_conserved.run` takes: system, symmetry, calculators."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from ..diagnostics import InterpolationReport, interpolation_error, kramers_pairs
from ..diagnostics.interpolation_error import quick_points
from ..diagnostics.mesh_series import series_of_meshes
from ..driver.grid import regular_grid
from ..driver.symmetry import TOLERANCE, check_symmetry
from ..errors import ConfigError, InputError
from ..interpolation import WannierInterpolator
from ..io import load_system
from ..io.ab_initio_mesh import ab_initio_mesh
from ..operators import atoms_of, get_operator, with_spin_orbit_strength
from ..operators.local import functions_of
from .config import Config, make_calculators

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
    options = config.system.model_dump(exclude={"path", "symmetry", "spin_orbit_strength"})
    if config.system.symmetry is not None:
        options.pop("symmetry_tolerance")
    spin = get_operator(config.quantities.operator).needs_spin or config.system.spin_orbit_strength is not None
    try:
        system = load_system(beside(source, config.system.path), spin=spin, **options)
    except InputError as error:
        if error.source not in options:
            raise
        raise ConfigError(f"{source}: [system] {error.source}: expected {error.expected}; found {error.found}") from None
    if config.system.spin_orbit_strength is not None:
        system = with_spin_orbit_strength(system, config.system.spin_orbit_strength)
    generators = config.system.symmetry
    if generators is not None:
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
    try:
        grid = regular_grid(system, config.grid.mesh)
    except InputError as error:
        raise ConfigError(f"{source}: [grid] {error}") from None
    return system, grid


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
    """Calculators of the comparison of multiplet thresholds at the Fermi level, by name and threshold."""
    calculators, own = {}, make_calculators(config)
    depend = [
        name for name, calculator in own.items()
        if "multiplet_threshold_eV" in calculator.parameters() and not calculator.further_axes
    ]  # fmt: skip
    for threshold in config.multiplets.compare:
        multiplets = config.multiplets.model_copy(update={"threshold": threshold})
        made = make_calculators(_at_the_level(config.model_copy(update={"multiplets": multiplets}), own))
        calculators |= {(name, threshold): made[name] for name in depend}
    return calculators


def _at_the_level(config, own):
    """Settings with the Fermi level alone, for calculators that were made with others."""
    fermi = config.fermi.model_copy(update={"levels": None, "window": None, "points": None})
    temperature = config.temperature.model_copy(update={"fermi_surface_width": _width(own)})
    return config.model_copy(update={"fermi": fermi, "temperature": temperature})


def interpolation_report(config: Config, system) -> InterpolationReport | None:
    """Error bars of the interpolation at the Fermi level; None where the ab initio mesh is not known.

    Parameters
    ----------
    config : Config
    system : wannierberri.system.System_R
    """
    if ab_initio_mesh(system) is None:
        return None
    level = config.fermi.table_level if not config.fermi.counted else _levels(system, config)[0]
    made = make_calculators(_at_the_level(config, make_calculators(config)))
    calculators = {name: calculator for name, calculator in made.items() if not calculator.further_axes}
    points = min(quick_points(system), int(np.max(config.grid.mesh)))
    return interpolation_error(system, level, calculators, config.output.components, mesh=points)


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
