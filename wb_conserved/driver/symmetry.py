"""Whether a system has the symmetry that it declares: bands, and spins of occupied states, at k points that symmetry relates.

A point group is trusted: it reduces the mesh and symmetrises results, so that generators that bands or spins do not have give
numbers that look right.  Bands alone do not tell, as those of a crystal with inversion are even in k also in a magnet.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..interpolation.eigensolvers import HERMITIAN, eigensolver_of
from ..io.private import has_matrices

TOLERANCE = 0.1
"""Largest distance of bands at related k points, eV: projected functions keep their crystal's symmetry to 0.02 eV."""
_SPIN_TOLERANCE = 0.3  # of spins of occupied states at k, in units of ħ/2; a magnet's are of order 1
_BELOW = np.arange(0.0, 10.0, 0.1)  # eV, below the highest level: where spins are compared
_KPOINTS = 3


def check_symmetry(system, levels=None, *, tolerance: float = TOLERANCE) -> None:
    """Refuse a point group that bands or spins of a system do not have.

    Compared are the bands ε_n(k) up to the highest level, and the spins Σ_n f(ε_n − ε) <s>_n(k) of the states below some
    energies ε (blurred by the tolerance), at a few random k and at all their images.

    Parameters
    ----------
    system : wannierberri.system.System_R
        Other systems, and those with one operation only, pass.
    levels : float array, optional
        Fermi levels, eV; by default the median of the bands.
    tolerance : float
        Largest distance of bands, eV.

    Raises
    ------
    InputError
        Which operation it is, and what differs.
    """
    if system.pointgroup.size == 1 or not has_matrices(system) or eigensolver_of(system) != HERMITIAN:
        return
    interpolator = WannierInterpolator(system)
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    if levels is None or not len(levels):
        levels = [np.median(interpolator.band_energies(kpoints))]
    highest = float(np.max(levels))
    energies_of_spins = np.append(levels[:: max(1, len(levels) // 10)], highest - _BELOW)
    operations = system.pointgroup.symmetries
    images = [operation.transform_reduced_vector(kpoints, system.recip_lattice) for operation in operations]
    bands, spins = _occupied(interpolator, system, np.concatenate([kpoints, *images]), highest, energies_of_spins, tolerance)
    bands = bands.reshape(len(operations) + 1, _KPOINTS, -1)
    for i, distance in enumerate(np.abs(bands[1:] - bands[0]).max(axis=(1, 2))):
        if distance > tolerance:
            raise InputError(
                "symmetry",
                "the same bands up to the highest Fermi level at k points that the point group relates (leave out "
                "generators that the crystal has not, or the check: check_symmetry=False, in an input file symmetry_tolerance)",
                f"{distance:.3g} eV between them (operation {i}, {_text(operations[i])}; allowed: {tolerance:g} eV)",
            )
    if spins is None:
        return
    spins = spins.reshape(len(operations) + 1, _KPOINTS, 3, -1)
    for i, operation in enumerate(operations):
        expected = operation.iTR * np.einsum("ab,kbf->kaf", operation.R, spins[0])
        difference = np.abs(spins[i + 1] - expected)
        if difference.max() > _SPIN_TOLERANCE:
            k, _, level = np.unravel_index(difference.argmax(), difference.shape)
            raise InputError(
                "symmetry",
                "spins of occupied states that follow the point group (leave out generators that crystal or magnetic "
                "order has not, or the check: check_symmetry=False in Python)",
                f"{_vector(spins[i + 1, k, :, level])} in place of {_vector(expected[k, :, level])} (operation {i}, "
                f"{_text(operation)}; states below {energies_of_spins[level]:.4g} eV, blurred by {tolerance:g} eV)",
            )


def residual(system, level: float) -> float:
    """Largest distance of the bands up to a level at k points that the point group relates, eV; see `check_symmetry`."""
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    images = [operation.transform_reduced_vector(kpoints, system.recip_lattice) for operation in system.pointgroup.symmetries]
    energies = WannierInterpolator(system).band_energies(np.concatenate([kpoints, *images]))
    bands = np.minimum(energies, level).reshape(len(images) + 1, _KPOINTS, -1)
    return float(np.abs(bands[1:] - bands[0]).max())


def _occupied(interpolator, system, kpoints, highest, levels, tolerance):
    """Bands (k, n), those above the highest level put there, and spins (k, 3, level) of the states below some levels."""
    phases = interpolator.phases(kpoints)
    energies, states = np.linalg.eigh(interpolator(phases, "Ham"))
    bands = np.minimum(energies, highest)
    if not system.has_R_mat("SS"):
        return bands, None
    spins = interpolator(phases, "SS")  # k i a j
    of_states = np.einsum("kin,kian->kan", states.conj(), spins @ states[:, None]).real
    occupations = expit((levels - energies[..., None]) / tolerance)  # k n level
    return bands, of_states @ occupations


def _text(operation):
    """An operation in words: its matrix, and time reversal."""
    matrix = " / ".join(" ".join(f"{value:.3g}" for value in row) for row in np.round(operation.R, 3) + 0.0)
    also = [name for name, holds in (("inversion", operation.Inv), ("time reversal", operation.TR)) if holds]
    return f"R = {matrix}" + (f" with {' and '.join(also)}" if also else "")


def _vector(values):
    return "(" + ", ".join(f"{value:.2f}" for value in values) + ")"
