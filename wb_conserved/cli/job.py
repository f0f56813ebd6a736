"""From the settings of an input file to what `wb_conserved.run` takes: system, symmetry, calculators."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
from scipy.special import expit

from ..diagnostics import kramers_pairs
from ..driver.grid import regular_grid
from ..errors import ConfigError
from ..interpolation import WannierInterpolator
from ..io import load_system
from ..operators import get_operator
from .config import Config, make_calculators

logger = logging.getLogger(__name__)

_LEVELS = np.arange(0.0, 10.0, 0.1)  # eV, below the highest Fermi level: where spins are compared
_SYMMETRY_TOLERANCE = 0.1  # eV, of bands at k that symmetry relates
_SPIN_TOLERANCE = 0.3  # of spins of occupied states at k, in units of ħ/2; a magnet's are of order 1


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
    options = config.system.model_dump(exclude={"path", "symmetry"})
    if config.system.symmetry is not None:
        options.pop("symmetry_tolerance")
    spin = get_operator(config.quantities.operator).matrix == "SS"
    system = load_system(beside(source, config.system.path), spin=spin, **options)
    generators = config.system.symmetry
    if generators is not None:
        try:
            system.set_pointgroup(generators)
        except (ValueError, AssertionError) as error:
            reason = str(error).split(" : please")[0].strip()
            raise ConfigError(
                f"{source}: [system] symmetry: expected generators that the lattice has; found {generators}: {reason}"
            ) from None
        _check_symmetry(system, config, source)
    try:
        grid = regular_grid(system, config.grid.mesh)
    except ValueError as error:
        raise ConfigError(f"{source}: [grid] {error}") from None
    return system, grid


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


def comparison(config: Config) -> dict:
    """Calculators of the comparison of multiplet thresholds at the Fermi level, by name and threshold."""
    calculators, own = {}, make_calculators(config)
    depend = [name for name, calculator in own.items() if "multiplet_threshold_eV" in calculator.parameters()]
    for threshold in config.multiplets.compare:
        single = config.model_copy(
            update={
                "fermi": config.fermi.model_copy(update={"levels": None, "window": None, "points": None}),
                "multiplets": config.multiplets.model_copy(update={"threshold": threshold}),
                "temperature": config.temperature.model_copy(update={"fermi_surface_width": _width(own)}),
            }
        )
        made = make_calculators(single)
        calculators |= {(name, threshold): made[name] for name in depend}
    return calculators


def _width(calculators):
    """Width of the Fermi surface that the calculators use, given or from their scan; None where they need none."""
    return next((part.fermi_surface_width for part in calculators.values() if part.fermi_surface_width), None)


def _check_symmetry(system, config, source):
    """Compare bands, and spins of the states below some levels (blurred by the tolerance), at k that symmetry relates.

    Bands alone do not tell: those of a crystal with inversion are even in k also in a magnet.
    """
    tolerance = config.system.symmetry_tolerance or _SYMMETRY_TOLERANCE
    kpoints = np.random.default_rng(0).random((4, 3))
    interpolator = WannierInterpolator(system)
    bands, spin = _occupied(interpolator, system, kpoints, config, tolerance)
    for i, operation in enumerate(system.pointgroup.symmetries):
        image_bands, image_spin = _occupied(
            interpolator, system, operation.transform_reduced_vector(kpoints, system.recip_lattice), config, tolerance
        )
        distance = float(np.abs(image_bands - bands).max())
        if distance > tolerance:
            raise ConfigError(
                f"{source}: [system] symmetry: expected the same bands up to the highest Fermi level at k points that "
                f"{config.system.symmetry} relates; found {distance:.3g} eV between them (operation {i}; allowed: "
                f"symmetry_tolerance = {tolerance:g} eV)"
            )
        if spin is not None:
            expected = operation.iTR * np.einsum("ab,kbf->kaf", operation.R, spin)
            k, _, level = np.unravel_index(np.abs(image_spin - expected).argmax(), spin.shape)
            if np.abs(image_spin - expected).max() > _SPIN_TOLERANCE:
                raise ConfigError(
                    f"{source}: [system] symmetry: expected spins at k points that {config.system.symmetry} relates to "
                    f"be related; found {_vector(image_spin[k, :, level])} in place of "
                    f"{_vector(expected[k, :, level])} (operation {i}; "
                    f"levels blurred by symmetry_tolerance = {tolerance:g} eV)"
                )


def _occupied(interpolator, system, kpoints, config, tolerance):
    """Bands (k, n), those above the scan put at its end, and spins of the states below each of some levels (k, 3, level)."""
    phases = interpolator.phases(kpoints)
    energies, states = np.linalg.eigh(interpolator(phases, "Ham"))
    highest, level = _levels(interpolator, system, config)
    bands = np.minimum(energies, highest)
    if not system.has_R_mat("SS"):
        return bands, None
    spins = interpolator(phases, "SS")  # k i a j
    levels = np.append(level, highest - _LEVELS)
    occupations = expit((levels - energies[..., None]) / tolerance)  # k n level
    return bands, np.einsum("kin,kiaj,kjn,knf->kaf", states.conj(), spins, states, occupations, optimize=True).real


def _levels(interpolator, system, config):
    """Highest Fermi level of the scan, and the one of the table; about that of the electrons where these are counted."""
    scan = config.fermi.scan()
    if not config.fermi.counted:
        return scan[-1], config.fermi.level
    if scan.level is not None:
        return scan.level, scan.level
    energies = interpolator.band_energies(np.random.default_rng(0).random((8, 3)))
    level = np.quantile(energies, min(1.0, scan.number / system.num_wann))
    return level, level


def _vector(values):
    return "(" + ", ".join(f"{value:.2f}" for value in values) + ")"
