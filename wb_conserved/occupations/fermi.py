"""Fermi-Dirac occupation of multiplets, for a whole scan of Fermi levels and temperatures at once.

    Fermi sea        Σ f(ε̄_n − μ) X_n            f = 1 / (1 + exp((ε − μ)/kT)),  kT = 0: θ(μ − ε)
    Fermi surface    Σ (−∂f/∂ε)(ε̄_n − μ) X_n     kT = 0: box of half-width w around μ, height 1/(2w)
    grand potential  Σ g(ε̄_n − μ) X_n            g = kT ln(1 − f),  kT = 0: (ε − μ) θ(μ − ε);  ∂g/∂ε = f
    entropy          Σ S(ε̄_n − μ) X_n            S = −∂g/∂(kT) = −f ln f − (1 − f) ln(1 − f),  kT > 0 only
    entropy surface  Σ (−∂S/∂ε)(ε̄_n − μ) X_n     −∂S/∂ε = (ε − μ)/kT (−∂f/∂ε),  kT > 0 only

ε̄_n is the mean energy of n's multiplet, X_n a per-band quantity.  kT = 0: steps on a `StepAxis`, exact.  kT > 0: points of
a `SmoothAxis`.  The grand potential takes two moments of the energy spectrum, X and ε̄ X.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .axis import SmoothAxis, StepAxis, Window
from .scan import Scan, ScanStatistics

_FINER = 3
"""Nodes of an axis for several temperatures are so many times closer than those of one."""


def fermi_statistics(scan: Scan, width: float | None = None) -> FermiDirac | Steps:
    """Fermi-Dirac statistics that suits a scan: steps at zero temperature, smooth above.

    Parameters
    ----------
    scan : Scan
    width : float, optional
        Half-width in eV of the box that stands for −∂f/∂ε at zero temperature.
    """
    return FermiDirac(scan) if scan.temperatures[0] > 0 else Steps(scan, width)


class Steps(ScanStatistics):
    """Zero temperature.

    Parameters
    ----------
    scan_axes : Scan
        Of one temperature, 0.
    width : float or None
        Half-width in eV of the box that stands for −∂f/∂ε; needed only by the weight "surface".
    """

    name = "steps (kBT = 0)"
    weights = ("sea", "surface", "grand_potential")
    with_energy = ("grand_potential",)

    def __init__(self, scan_axes: Scan, width: float | None = None):
        self.width, levels = width, scan_axes.levels
        if width is not None:
            if not width > 0:
                raise InputError("fermi_surface_width", "a number > 0 (eV)", repr(width))
            levels = np.concatenate([levels, levels - width, levels + width])
        super().__init__(scan_axes, StepAxis(levels))

    def check(self, weight):
        """As of all statistics; and a Fermi surface needs a width."""
        super().check(weight)
        if weight == "surface" and self.width is None:
            raise InputError("fermi_surface_width", "a number > 0 (eV) for a Fermi-surface sum at kBT = 0", "none")

    def weigh_levels(self, weight, kBT, levels, *spectra):
        return getattr(self, f"_{weight}")(levels, *spectra)

    def _sea(self, levels, spectrum):
        return self.axis.below(spectrum, levels)

    def _surface(self, levels, spectrum):
        upper = self.axis.below(spectrum, levels + self.width)
        return (upper - self.axis.below(spectrum, levels - self.width)) / (2 * self.width)

    def _grand_potential(self, levels, spectrum, energy_spectrum):
        return self._sea(levels, energy_spectrum) - _column(levels, spectrum) * self._sea(levels, spectrum)


class FermiDirac(ScanStatistics):
    """Temperatures above zero.

    Parameters
    ----------
    scan_axes : Scan
    """

    name = "Fermi-Dirac statistics"
    weights = ("sea", "surface", "grand_potential", "entropy", "entropy_surface")
    with_energy = ("grand_potential",)

    def __init__(self, scan_axes: Scan):
        self._windows = [Window(levels.min(), levels.max(), kBT) for kBT, levels in scan_axes.groups]
        several = len(self._windows) > 1
        super().__init__(scan_axes, SmoothAxis(self._windows, finer=_FINER if several else 1))

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes but the first, eV."""
        return self.axis.energies[1:]

    def weigh_levels(self, weight, kBT, levels, *spectra):
        if len(self._windows) == 1:
            return _WEIGHTS[weight](self.axis, kBT, levels, *spectra)
        alone = SmoothAxis([Window(levels.min(), levels.max(), kBT)])
        plain, *with_energy = spectra
        nodes = _column(self.energies, plain)
        # bands spread over nodes count with the energies of these; the first entry has no single one
        further = [np.concatenate([spectrum[:1], nodes * plain[1:]]) for spectrum in with_energy]
        moved = [self.axis.moved_to(alone, spectrum) for spectrum in (plain, *further)]
        return _WEIGHTS[weight](alone, kBT, levels, *moved)


def _sea(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, fermi, kBT, levels) + axis.below(spectrum, kBT, levels)


def _surface(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: fermi_slope(x) / kBT, kBT, levels)


def _grand_potential(axis, kBT, levels, spectrum, energy_spectrum):
    near = axis.convolve(spectrum, lambda x: -kBT * np.logaddexp(0.0, -x), kBT, levels)
    # bands spread over nodes count with the energies of these, as in the kernel; the first entry has no single one
    nodes = _column(axis.energies[1:], spectrum)
    energies = np.concatenate([energy_spectrum[:1], nodes * spectrum[1:]])
    return near + axis.below(energies, kBT, levels) - _column(levels, spectrum) * axis.below(spectrum, kBT, levels)


def _entropy(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: np.logaddexp(0.0, -x) + x * fermi(x), kBT, levels)


def _entropy_surface(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: x * fermi_slope(x) / kBT, kBT, levels)


_WEIGHTS = {
    "sea": _sea,
    "surface": _surface,
    "grand_potential": _grand_potential,
    "entropy": _entropy,
    "entropy_surface": _entropy_surface,
}
"""From the axis of one temperature, the temperature, levels and spectra of the moments to sums (level, ...)."""


def _column(values, spectrum):
    """Values along the first axis of a spectrum."""
    return values.reshape(-1, *(1,) * (spectrum.ndim - 1))


def fermi(x):
    """1/(1 + eˣ)."""
    small = np.exp(-np.abs(x))
    return np.where(x > 0, small, 1.0) / (1.0 + small)


def fermi_slope(x):
    """eˣ/(1 + eˣ)²."""
    small = np.exp(-np.abs(x))
    return small / (1.0 + small) ** 2
