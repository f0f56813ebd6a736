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

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .axis import SmoothAxis, StepAxis, Window
from .base import Placement, Statistics
from .scan import Scan

PLAIN, ENERGY = "X", "ε X"
_MOMENTS = {"grand_potential": (PLAIN, ENERGY)}


def fermi_statistics(scan: Scan, width: float | None = None) -> FermiDirac | Steps:
    """Fermi-Dirac statistics that suits a scan: steps at zero temperature, smooth above.

    Parameters
    ----------
    scan : Scan
    width : float, optional
        Half-width in eV of the box that stands for −∂f/∂ε at zero temperature.
    """
    return FermiDirac(scan) if scan.temperatures[0] > 0 else Steps(scan, width)


class _Fermi(Statistics):
    """What steps and the smooth function have in common: moments X and ε X of the same entries."""

    scan_axes: Scan

    @property
    def scan(self):
        return self.scan_axes.axes

    @property
    def coordinates(self):
        return self.scan_axes.coordinates

    @property
    def n_nodes(self) -> int:
        return self._axis.n_nodes

    @property
    def key(self):
        return self._axis.key

    def moments(self, weight):
        return _MOMENTS.get(weight, (PLAIN,))

    def place(self, states):
        energies = states.multiplets.energies
        plain = self._axis.spread(energies.reshape(-1))
        return Placement(states, lambda moment: plain.times(energies) if moment == ENERGY else plain)


@dataclass(frozen=True, eq=False)
class Steps(_Fermi):
    """Zero temperature.

    Parameters
    ----------
    scan_axes : Scan
        Of one temperature, 0.
    width : float or None
        Half-width in eV of the box that stands for −∂f/∂ε; needed only by the weight "surface".
    """

    scan_axes: Scan
    width: float | None = None
    name = "steps (kBT = 0)"
    weights = ("sea", "surface", "grand_potential")

    def __post_init__(self):
        levels = self.scan_axes.levels
        if self.width is not None:
            if not self.width > 0:
                raise InputError("fermi_surface_width", "a number > 0 (eV)", repr(self.width))
            levels = np.concatenate([levels, levels - self.width, levels + self.width])
        object.__setattr__(self, "_axis", StepAxis(levels))

    def check(self, weight):
        """As of all statistics; and a Fermi surface needs a width."""
        super().check(weight)
        if weight == "surface" and self.width is None:
            raise InputError("fermi_surface_width", "a number > 0 (eV) for a Fermi-surface sum at kBT = 0", "none")

    def weigh(self, weight, spectra):
        self.check(weight)
        return self.scan_axes.collect(lambda _, levels: getattr(self, f"_{weight}")(levels, *spectra))

    def _sea(self, levels, spectrum):
        return self._axis.below(spectrum, levels)

    def _surface(self, levels, spectrum):
        upper = self._axis.below(spectrum, levels + self.width)
        return (upper - self._axis.below(spectrum, levels - self.width)) / (2 * self.width)

    def _grand_potential(self, levels, spectrum, energy_spectrum):
        return self._sea(levels, energy_spectrum) - _column(levels, spectrum) * self._sea(levels, spectrum)


@dataclass(frozen=True, eq=False)
class FermiDirac(_Fermi):
    """Temperatures above zero.

    Parameters
    ----------
    scan_axes : Scan
    """

    scan_axes: Scan
    name = "Fermi-Dirac statistics"
    weights = ("sea", "surface", "grand_potential", "entropy", "entropy_surface")

    def __post_init__(self):
        windows = [_window(kBT, levels) for kBT, levels in self.scan_axes.groups]
        object.__setattr__(self, "_axis", SmoothAxis(windows))

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes but the first, eV."""
        return self._axis.energies[1:]

    def weigh(self, weight, spectra):
        self.check(weight)
        several = len(self.scan_axes.groups) > 1

        def of_temperature(kBT, levels):
            axis = SmoothAxis([_window(kBT, levels)]) if several else self._axis
            moments = self._on(axis, spectra) if several else spectra
            return _WEIGHTS[weight](axis, kBT, levels, *moments)

        return self.scan_axes.collect(of_temperature)

    def _on(self, axis, spectra):
        """Spectra on the axis of one temperature; the energy of what is below it is that of the nodes there."""
        plain, *with_energy = spectra
        nodes = _column(self.energies, plain)
        further = [np.concatenate([spectrum[:1], nodes * plain[1:]]) for spectrum in with_energy]
        return [self._axis.moved_to(axis, spectrum) for spectrum in (plain, *further)]


def _window(kBT, levels):
    return Window(levels.min(), levels.max(), kBT)


def _sea(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, fermi, kBT, levels, lambda _, number: number, [spectrum])


def _surface(axis, kBT, levels, spectrum):
    return axis.convolve(spectrum, lambda x: fermi_slope(x) / kBT, kBT, levels)


def _grand_potential(axis, kBT, levels, spectrum, energy_spectrum):
    # bands spread over nodes count with the energies of these, as in the kernel; the first entry has no single one
    nodes = _column(axis.energies[1:], spectrum)
    energies = np.concatenate([energy_spectrum[:1], nodes * spectrum[1:]])

    def below(mu, energy, number):
        return energy - mu * number

    return axis.convolve(spectrum, lambda x: -kBT * np.logaddexp(0.0, -x), kBT, levels, below, [energies, spectrum])


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
"""From the axis of a temperature, the temperature, levels and spectra of the moments to (level, ...)."""


def _column(values, spectrum):
    """Values along the first axis of a spectrum."""
    return values.reshape(-1, *(1,) * (spectrum.ndim - 1))


def fermi(x):
    """1/(1 + eˣ)."""
    with np.errstate(over="ignore"):  # 0
        return 1.0 / (1.0 + np.exp(x))


def fermi_slope(x):
    """eˣ/(1 + eˣ)²."""
    small = np.exp(-np.abs(x))
    return small / (1.0 + small) ** 2
