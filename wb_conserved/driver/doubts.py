"""Settings that are legal but likely not meant: one line for each, with the figure, what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..calculators.base import DEFAULT_THRESHOLD
from ..interpolation import WannierInterpolator
from ..interpolation.eigensolvers import HERMITIAN, eigensolver_of
from ..interpolation.mesh_uncertainty import decay_of
from ..io.private import has_matrices
from ..units import BOLTZMANN_EV

_HOT = 0.3  # eV: above the melting point of every metal
_COLD = 1e-4  # eV: 1 K, below the distance of levels of any mesh
_WIDE = 0.5  # eV: far above the broadening of levels
_KPOINTS = 100
_COARSE = 0.2
"""Warn of an ab initio mesh that leaves more than this of the energies open, eV: `mesh_uncertainty.Decay.error`.  Measured: Te
4 x 4 x 3 0.016, Pt 4 x 4 x 4 0.05 (maximally localised) and 0.11; Fe 4 x 4 x 4 0.27, whose bands are wrong by 0.19 below the
Fermi level; folded to 3 x 3 x 3 Pt 0.12 and 0.24, Fe 0.55; to 2 x 2 x 2 0.50, 1.1, 0.85; public GaAs 2 x 2 x 2 0.38."""


def doubts(system, calculators: Mapping[Any, Any]) -> list[str]:
    """Doubts about the levels, temperatures and thresholds of some calculators on a system.

    Parameters
    ----------
    system : wannierberri.system.System
    calculators : mapping of str to calculator

    Returns
    -------
    list of str
        One line each; empty where nothing is odd.
    """
    return [
        *_of_levels(system, calculators),
        *_of_temperatures(calculators),
        *_of_thresholds(calculators),
        *_of_mesh(system),
    ]


def _of_levels(system, calculators) -> Iterator[str]:
    """Fermi levels of which none lies within the bands: all results are those of an empty or a full space."""
    if not has_matrices(system) or eigensolver_of(system) != HERMITIAN:
        return
    scans = {name: levels for name, part in calculators.items() if len(levels := np.ravel(getattr(part, "Efermi", [])))}
    if not scans:
        return
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    energies = WannierInterpolator(system).band_energies(kpoints)
    lowest, highest = energies.min(), energies.max()
    outside = {name: levels for name, levels in scans.items() if levels.max() < lowest or levels.min() > highest}
    for levels in {tuple(levels) for levels in outside.values()}:
        where = "below" if levels[0] < lowest else "above"
        named = ("Fermi levels " if len(levels) > 1 else "Fermi level ") + ", ".join(f"{level:g}" for level in levels[:3])
        yield (
            f"{named} eV: {where} all bands, which lie between {lowest:.4g} and {highest:.4g} eV, so that results are 0 but "
            "for rounding; give the level of the scf calculation, on the same scale as the bands"
        )


def _of_temperatures(calculators) -> Iterator[str]:
    """Temperatures that no crystal stands, or no mesh resolves: usually kelvin taken for eV, or eV for kelvin."""
    temperatures = {float(kBT) for part in calculators.values() for kBT in np.ravel(getattr(part, "kBT", []))}
    for kBT in sorted(temperatures):
        if kBT > _HOT:
            yield f"kBT = {kBT:g} eV is {kBT / BOLTZMANN_EV:.0f} K: kBT is in eV, 0.02585 at 300 K (input files: kelvin = 300)"
        elif 0 < kBT < _COLD:
            kelvin = kBT / BOLTZMANN_EV
            yield f"kBT = {kBT:.3g} eV is {kelvin:.3g} K, which no mesh resolves: kBT = 0 for steps, or a number in eV for kBT"


def _of_thresholds(calculators) -> Iterator[str]:
    """Multiplet thresholds that group what is no multiplet, or that nobody has chosen."""
    wide = {part.degen_thresh for part in calculators.values() if getattr(part, "degen_thresh", 0.0) > _WIDE}
    for threshold in sorted(wide):
        yield (
            f"degen_thresh = {threshold:g} eV: bands that close count as one level, also different ones; the threshold is the "
            "broadening of the levels, some meV to 0.1 eV"
        )
    names = [str(name) for name, part in calculators.items() if not getattr(part, "threshold_given", True)]
    if names:
        yield (
            f"degen_thresh is not given for {', '.join(names)}: bands closer than {DEFAULT_THRESHOLD:g} eV count as one level, "
            "which suits exactly degenerate ones; choose the broadening of the levels, and vary it (on platinum's 16³ mesh "
            "σ_in goes from 6650 to 537 between 1e-4 and 0.2 eV)"
        )


def _of_mesh(system) -> Iterator[str]:
    """Ab initio meshes too coarse for the hoppings."""
    if not has_matrices(system) or eigensolver_of(system) != HERMITIAN:
        return
    decay = decay_of(system)
    if decay is not None and decay.error > _COARSE:
        yield (
            f"the {' x '.join(map(str, decay.mesh))} ab initio mesh leaves about {decay.error:.2g} eV of the energies between "
            "its k points open (rms of all bands; 0.02 to 0.1 for good data), so that results may be mostly interpolation "
            "error: use a denser one, or functions that are better localised; wb-conserved check gives error bars"
        )
