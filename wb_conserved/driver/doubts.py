"""Settings that are legal but likely not meant: one line for each, with the figure, what it means and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..calculators.base import DEFAULT_THRESHOLD
from ..interpolation import WannierInterpolator
from ..interpolation.eigensolvers import HERMITIAN, eigensolver_of
from ..interpolation.mesh_uncertainty import decay_of
from ..interpolation.particles import particles_of
from ..io.private import has_matrices
from ..units import BOLTZMANN_EV

_HOT = 0.3  # eV: above the melting point of every metal
_COLD = 1e-4  # eV: 1 K, below the distance of levels of any mesh
_WIDE = 0.5  # eV: far above the broadening of levels
_PART = 1e-3  # of the highest energy of bosons
_KPOINTS = 100
_PAIRED = 0.05
"""Splitting of bands 2j and 2j+1 in units of the distance to the next, medians, below which they are pairs: 0.02 for platinum
with localised functions, 0.08 for tellurium, where inversion is missing, 0.5 for iron."""
_UNEVEN = 0.01
"""Difference of energies at k and −k in units of that splitting, medians: 0.1 for that platinum, 1e-8 for tellurium."""
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
    found = [*_of_temperatures(calculators, particles_of(system).level is None), *_of_thresholds(calculators)]
    if not has_matrices(system):
        return found
    if eigensolver_of(system) != HERMITIAN:
        return [*_of_temperatures(calculators, particles_of(system).level is None), *_of_bosons(system, calculators)]
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    interpolator = WannierInterpolator(system)
    energies = interpolator.band_energies(kpoints)
    uneven = partial(_unevenness, interpolator, kpoints, energies)
    return [*_of_levels(system, energies, calculators), *found, *_of_pairs(energies, uneven, calculators), *_of_mesh(system)]


def _of_levels(system, energies, calculators) -> Iterator[str]:
    """Fermi levels of which none lies within the bands: all results are those of an empty or a full space."""
    scans = {name: levels for name, part in calculators.items() if len(levels := np.ravel(getattr(part, "Efermi", [])))}
    if not scans:
        return
    lowest, highest = energies.min(), energies.max()
    outside = {name: levels for name, levels in scans.items() if levels.max() < lowest or levels.min() > highest}
    for levels in {tuple(levels) for levels in outside.values()}:
        where = "below" if levels[0] < lowest else "above"
        yield (
            f"{_named(levels)}: {where} all bands, which lie between {lowest:.4g} and {highest:.4g} eV, so that results are 0 "
            "but for rounding; give the level of the scf calculation, on the same scale as the bands"
        )
    yield from _of_frozen_window(system, {tuple(levels) for name, levels in scans.items() if name not in outside})


def _of_frozen_window(system, scans) -> Iterator[str]:
    """Fermi levels at which the bands are those of the Wannier functions rather than of the crystal."""
    window = getattr(system, "frozen_window", None)
    if window is None:
        return
    lowest, highest = window
    for levels in scans:
        for where, beyond, end, key in (
            ("above", [level for level in levels if level > highest], highest, "dis_froz_max"),
            ("below", [level for level in levels if level < lowest], lowest, "dis_froz_min"),
        ):
            if beyond:
                some = f" ({len(beyond)} of {len(levels)})" if len(levels) > 1 else ""
                yield (
                    f"{_named(beyond)}{some}: {where} the frozen window of the .win file, which ends at {end:g} eV; bands "
                    "there are not those of the ab initio calculation, and results follow them (another "
                    f"{key} in Wannier90 mends it)"
                )


def _named(levels) -> str:
    """Fermi levels in words, of more than three the first and the last."""
    texts = [f"{level:g}" for level in levels]
    text = ", ".join(texts) if len(texts) <= 3 else f"{texts[0]} ... {texts[-1]}"
    return f"Fermi level{'s' if len(texts) > 1 else ''} {text} eV"


def _of_temperatures(calculators, electrons=True) -> Iterator[str]:
    """Temperatures that no crystal stands, or no mesh resolves (electrons): usually kelvin taken for eV, or eV for kelvin."""
    temperatures = {float(kBT) for part in calculators.values() for kBT in np.ravel(getattr(part, "kBT", []))}
    for kBT in sorted(temperatures):
        if kBT > _HOT:
            yield f"kBT = {kBT:g} eV is {kBT / BOLTZMANN_EV:.0f} K: kBT is in eV, 0.02585 at 300 K (input files: kelvin = 300)"
        elif 0 < kBT < _COLD and electrons:
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


def _of_bosons(system, calculators) -> Iterator[str]:
    """Multiplet thresholds that are no small part of the energies of magnons or phonons, the default among them."""
    thresholds = {part.degen_thresh for part in calculators.values() if getattr(part, "of_observable", False)}
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    highest = float(WannierInterpolator(system).band_energies(kpoints).max())
    for threshold in sorted(thresholds):
        if threshold > _PART * highest:
            yield (
                f"degen_thresh = {threshold:g} eV: bands that close count as one level, and the highest energy is "
                f"{highest:.3g} eV only; the gaps of magnons and phonons are often smaller than the default of electrons, "
                "0.0001 eV"
            )


def _unevenness(interpolator, kpoints, energies) -> float:
    """Median difference of the energies at some k and at −k, eV."""
    few = len(kpoints) // 4
    return float(np.median(np.abs(interpolator.band_energies(-kpoints[:few]) - energies[:few])))


def _of_pairs(energies, uneven: Callable[[], float], calculators) -> Iterator[str]:
    """Kramers pairs that the Wannier functions split by more than the multiplet threshold.

    A crystal without inversion splits its bands too, but alike at k and −k; functions that break time reversal do not.
    """
    thresholds = [
        part.degen_thresh
        for part in calculators.values()
        if getattr(part, "of_observable", False) and hasattr(part, "degen_thresh") and not part.degen_Kramers
    ]
    if not thresholds or energies.shape[1] % 2 or energies.shape[1] < 4:
        return
    splitting, distance = energies[:, 1::2] - energies[:, ::2], energies[:, 2::2] - energies[:, 1:-1:2]
    typical, largest = float(np.median(splitting)), float(splitting.max())
    if largest > min(thresholds) and typical < _PAIRED * np.median(distance) and uneven() > _UNEVEN * typical:
        yield (
            f"bands come in pairs that are split by {typical:.2g} eV (median; up to {largest:.2g}), not alike at k and −k and "
            f"by more than the multiplet threshold {min(thresholds):g} eV: Wannier functions that break the symmetry of "
            "Kramers pairs do that, and results of split pairs are others; group them (degen_Kramers=True, in an input file "
            "kramers = true), or take functions that keep the symmetry"
        )


def _of_mesh(system) -> Iterator[str]:
    """Ab initio meshes too coarse for the hoppings."""
    decay = decay_of(system)
    if decay is not None and decay.error > _COARSE:
        yield (
            f"the {' x '.join(map(str, decay.mesh))} ab initio mesh leaves about {decay.error:.2g} eV of the energies between "
            "its k points open (rms of all bands; 0.02 to 0.1 for good data), so that results may be mostly interpolation "
            "error: use a denser one, or functions that are better localised; wb-conserved check gives error bars"
        )
