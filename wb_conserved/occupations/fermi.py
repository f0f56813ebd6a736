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
        windows = [Window(levels.min(), levels.max(), kBT) for kBT, levels in scan_axes.groups]
        super().__init__(scan_axes, SmoothAxis(windows))

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes but the first, eV."""
        return self.axis.energies[1:]

    def weigh_levels(self, weight, kBT, levels, *spectra):
        return getattr(self, f"_{weight}")(kBT, levels, *spectra)

    def _sea(self, kBT, levels, spectrum):
        return self.axis.convolve(spectrum, fermi, kBT, levels) + self.axis.below(spectrum, kBT, levels)

    def _surface(self, kBT, levels, spectrum):
        return self.axis.convolve(spectrum, lambda x: fermi_slope(x) / kBT, kBT, levels)

    def _grand_potential(self, kBT, levels, spectrum, energy_spectrum):
        near = self.axis.convolve(spectrum, lambda x: -kBT * np.logaddexp(0.0, -x), kBT, levels)
        # bands spread over nodes count with the energies of these, as in the kernel; the first entry has no single one
        nodes = _column(self.energies, spectrum)
        energies = np.concatenate([energy_spectrum[:1], nodes * spectrum[1:]])
        below = self.axis.below(energies, kBT, levels)
        return near + below - _column(levels, spectrum) * self.axis.below(spectrum, kBT, levels)

    def _entropy(self, kBT, levels, spectrum):
        return self.axis.convolve(spectrum, lambda x: np.logaddexp(0.0, -x) + x * fermi(x), kBT, levels)

    def _entropy_surface(self, kBT, levels, spectrum):
        return self.axis.convolve(spectrum, lambda x: x * fermi_slope(x) / kBT, kBT, levels)


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
