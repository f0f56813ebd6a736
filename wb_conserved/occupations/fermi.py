"""Fermi-Dirac occupation of multiplets, for a whole scan of Fermi levels and temperatures at once.

    Fermi sea        Σ f(ε̄_n − μ) X_n            f = 1 / (1 + exp((ε − μ)/kT)),  kT = 0: θ(μ − ε)
    Fermi surface    Σ (−∂f/∂ε)(ε̄_n − μ) X_n     kT = 0: box of half-width w around μ, height 1/(2w)
    grand potential  Σ g(ε̄_n − μ) X_n            g = kT ln(1 − f),  kT = 0: (ε − μ) θ(μ − ε);  ∂g/∂ε = f
    entropy          Σ S(ε̄_n − μ) X_n            S = −∂g/∂(kT) = −f ln f − (1 − f) ln(1 − f),  kT > 0 only
    entropy surface  Σ (−∂S/∂ε)(ε̄_n − μ) X_n     −∂S/∂ε = (ε − μ)/kT (−∂f/∂ε),  kT > 0 only
    thermal sea      Σ c₂(ε̄_n − μ) X_n           c₂ = ∫_x^∞ y² (−f'(y)) dy, x = (ε − μ)/kT;  kT = 0: π²/3 θ(μ − ε)
    heat capacity    Σ c(ε̄_n − μ) X_n            c = x² (−f'(x)) = T ∂S/∂T at fixed ε,  kT > 0 only

ε̄_n is the mean energy of n's multiplet, X_n a per-band quantity.  kT = 0: steps on a `StepAxis`, exact.  kT > 0: points of
a `SmoothAxis`.  The grand potential takes two moments of the energy spectrum, X and ε̄ X.
"""

from __future__ import annotations

import numpy as np
from scipy.special import spence

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
    weights = ("sea", "surface", "grand_potential", "thermal_sea")
    of_bands = ("sea", "grand_potential", "thermal_sea")
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

    def band_weights(self, weight, energies, place):
        return step_weights(weight, energies - self.scan_axes.at(place)[1])

    def _sea(self, levels, spectrum):
        return self.axis.below(spectrum, levels)

    def _thermal_sea(self, levels, spectrum):
        return ALL_HEAT * self._sea(levels, spectrum)

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
    weights = ("sea", "surface", "grand_potential", "entropy", "entropy_surface", "thermal_sea", "heat_capacity")
    of_bands = ("sea", "grand_potential", "thermal_sea")
    with_energy = ("grand_potential",)

    def __init__(self, scan_axes: Scan):
        windows = [Window(levels.min(), levels.max(), kBT) for kBT, levels in scan_axes.groups]
        super().__init__(scan_axes, SmoothAxis(windows))

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes but the first, eV."""
        return self.axis.energies[1:]

    def weigh_levels(self, weight, kBT, levels, *spectra):
        plain, *with_energy = spectra
        with_energy = [_of_nodes(self.axis, plain, spectrum) for spectrum in with_energy]
        axis, *spectra = self.axis.of_one(kBT, levels, plain, *with_energy)
        return _WEIGHTS[weight](axis, kBT, levels, *spectra)

    def band_weights(self, weight, energies, place):
        kBT, level = self.scan_axes.at(place)
        x = (energies - level) / kBT
        functions = {"sea": fermi, "grand_potential": lambda x: -kBT * np.logaddexp(0.0, -x), "thermal_sea": heat_above}
        return functions[weight](x)


def step_weights(weight: str, energies: np.ndarray) -> np.ndarray:
    """Weights "sea", "grand_potential", "thermal_sea" of bands at zero temperature, from their energies above the level, eV."""
    below = energies <= 0
    return {"sea": below.astype(float), "grand_potential": energies * below, "thermal_sea": ALL_HEAT * below}[weight]


def _sea(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, fermi, kBT, levels) + axis.below(spectrum, kBT, levels)


def _surface(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: fermi_slope(x) / kBT, kBT, levels)


def _grand_potential(axis, kBT, levels, spectrum, energy_spectrum):
    near = axis.convolve(spectrum, lambda x: -kBT * np.logaddexp(0.0, -x), kBT, levels)
    below = axis.below(_of_nodes(axis, spectrum, energy_spectrum), kBT, levels)
    return near + below - _column(levels, spectrum) * axis.below(spectrum, kBT, levels)


def _entropy(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: np.logaddexp(0.0, -x) + x * fermi(x), kBT, levels)


def _entropy_surface(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: x * fermi_slope(x) / kBT, kBT, levels)


def _thermal_sea(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, heat_above, kBT, levels) + ALL_HEAT * axis.below(spectrum, kBT, levels)


def _heat_capacity(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: x**2 * fermi_slope(x), kBT, levels)


_WEIGHTS = {
    "sea": _sea,
    "surface": _surface,
    "grand_potential": _grand_potential,
    "entropy": _entropy,
    "entropy_surface": _entropy_surface,
    "thermal_sea": _thermal_sea,
    "heat_capacity": _heat_capacity,
}
"""From the axis of one temperature, the temperature, levels and spectra of the moments to sums (level, ...)."""


def _of_nodes(axis, spectrum, energy_spectrum):
    """Spectrum of ε X in which bands that are spread over nodes count with the energies of these, as in the kernels; what is
    below the axis has no single one."""
    return np.concatenate([energy_spectrum[:1], _column(axis.energies[1:], spectrum) * spectrum[1:]])


def _column(values, spectrum):
    """Values along the first axis of a spectrum."""
    return values.reshape(-1, *(1,) * (spectrum.ndim - 1))


ALL_HEAT = np.pi**2 / 3


def heat_above(x):
    """c₂ = ∫_x^∞ y² (−f'(y)) dy = x² f + 2x ln(1 + e⁻ˣ) − 2 Li₂(−e⁻ˣ), π²/3 far below."""
    small = np.exp(-np.abs(x))
    positive = np.abs(x) * (np.abs(x) * small / (1 + small) + 2 * np.log1p(small)) - 2 * spence(1 + small)
    return np.where(x > 0, positive, ALL_HEAT - positive)


def fermi(x):
    """1/(1 + eˣ)."""
    small = np.exp(-np.abs(x))
    return np.where(x > 0, small, 1.0) / (1.0 + small)


def fermi_slope(x):
    """eˣ/(1 + eˣ)²."""
    small = np.exp(-np.abs(x))
    return small / (1.0 + small) ** 2
