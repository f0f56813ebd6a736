"""Bose-Einstein occupation of bands of positive energy (magnons, phonons), for several temperatures at once.

    n                Σ n(ε̄_n) X_n                 n = 1 / (exp(ε/kT) − 1)                         "sea"
    −∂n/∂ε           Σ (−∂n/∂ε) X_n                                                              "surface"
    grand potential  Σ g X_n                      g = kT ln(1 − exp(−ε/kT)),  ∂g/∂ε = n
    entropy          Σ S X_n                      S = −∂g/∂(kT) = (1 + n) ln(1 + n) − n ln n
    entropy surface  Σ (−∂S/∂ε) X_n               −∂S/∂ε = (ε/kT) (−∂n/∂ε)
    thermal sea      Σ c₂ X_n                     c₂ = ∫_x^∞ y² (−n'(y)) dy,  x = ε/kT
    heat capacity    Σ c X_n                      c = x² (−n'(x)) = T ∂S/∂T at fixed ε

With the zero-point motion n + ½ takes the place of n, and g + ½ε that of g; the others do not know it.

The first five diverge at ε → 0 and cannot be interpolated there.  The moments X/ε̄, X/ε̄² and X ln ε̄ of the energy
spectrum take the divergence; what is left has its nearest singularities at x = ±2πi and is interpolated as accurately
as anything on a `SmoothAxis`:

    n = (kT/ε) φ(x)           φ = x/(eˣ − 1)        −∂n/∂ε = (kT/ε²) ψ(x)          ψ = x² eˣ/(eˣ − 1)²
    g = kT [ln ε − ln kT + λ(x)]     λ = ln((1 − e⁻ˣ)/x)
    S = φ(x) − ln ε + ln kT − λ(x)                   −∂S/∂ε = (1/ε) ψ(x)
    c₂ = x² n − 2x ln(1 − e⁻ˣ) + 2 Li₂(e⁻ˣ)           c = ψ(x)

Bands of negative energy are those of negative norm of a bosonic Bogoliubov problem, and count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import spence

from ..errors import InputError
from ..units import BOLTZMANN_EV
from .axis import SmoothAxis, Window
from .base import Placement, Spread, Statistics

_MOMENTS = {
    "sea": ("X/ε",),
    "surface": ("X/ε²",),
    "grand_potential": ("X", "X ln ε"),
    "entropy": ("X", "X ln ε"),
    "entropy_surface": ("X/ε",),
    "thermal_sea": ("X",),
    "heat_capacity": ("X",),
}
_OF_ALL = {"½X of all": lambda e: np.full_like(e, 0.5), "½ε X of all": lambda e: 0.5 * e}
"""Moments of all bands, also of those that no temperature reaches: the zero-point motion."""
_ZERO_POINT = {"sea": "½X of all", "grand_potential": "½ε X of all"}
_OF_ENERGY = {"X": np.ones_like, "X/ε": lambda e: 1 / e, "X/ε²": lambda e: 1 / e**2, "X ln ε": np.log}
_SOFTEST = 1e-6
"""Smallest energy of a band, in units of the lowest kT: below, the number of bosons is that of a mode without energy."""


@dataclass(frozen=True, eq=False)
class Bose(Statistics):
    """Bosons without a chemical potential.

    Parameters
    ----------
    kBT : float or sequence of float
        Temperatures, eV, > 0; one number: results have no axis for it.
    zero_point : bool
        Whether the zero-point motion counts.
    """

    kBT: float | np.ndarray
    zero_point: bool = False
    name = "Bose-Einstein statistics"
    weights = tuple(_MOMENTS)
    of_bands = ("sea", "grand_potential", "entropy", "thermal_sea")

    def __post_init__(self):
        temperatures = np.atleast_1d(np.asarray(self.kBT, dtype=float))
        if temperatures.ndim != 1 or not temperatures.size or not np.all(np.isfinite(temperatures) & (temperatures > 0)):
            raise InputError("kBT", "a number > 0, or several (eV)", repr(self.kBT))
        object.__setattr__(self, "_temperatures", temperatures)
        windows = [Window(0.0, 0.0, kBT) for kBT in temperatures.tolist()]
        object.__setattr__(self, "_axis", SmoothAxis(windows, lowest=0.0, finer=1))

    @property
    def scan(self):
        return {"kBT": self._temperatures} if np.ndim(self.kBT) else {}

    @property
    def coordinates(self):
        """What belongs to the scan, see `Statistics`."""
        return {"kelvin": ("kBT", self._temperatures / BOLTZMANN_EV)} if np.ndim(self.kBT) else {}

    @property
    def n_nodes(self):
        return self._axis.n_nodes

    @property
    def key(self):
        return ("bosons", *self._axis.key)

    def moments(self, weight):
        further = (_ZERO_POINT[weight],) if self.zero_point and weight in _ZERO_POINT else ()
        return _MOMENTS[weight] + further

    def place(self, states):
        energies = states.multiplets.energies.reshape(-1)
        soft = np.abs(energies) < _SOFTEST * self._temperatures.min()
        if soft.any():
            raise InputError(
                "energies",
                f"bands above {_SOFTEST:g} kBT, as the number of bosons diverges at 0 (give a Goldstone mode a field or an "
                "anisotropy, or leave its k point out)",
                f"{energies[soft][0]:.3g} eV",
            )
        positive = energies > 0
        plain = _only(self._axis.spread(energies), positive)
        safe, chosen = np.where(positive, energies, 1.0), np.flatnonzero(positive)

        def spread(moment):
            if moment in _OF_ALL:  # on one node
                return _at_first(chosen).times(_OF_ALL[moment](safe))
            return plain.times(_OF_ENERGY[moment](safe))

        return Placement(states, spread)

    def band_weights(self, weight, energies, place):
        kBT = float(self._temperatures[place[0] if place else 0])
        positive = energies > 0
        x = np.where(positive, energies, kBT) / kBT
        half = 0.5 * self.zero_point
        found = {
            "sea": lambda: 1 / np.expm1(x) + half,
            "grand_potential": lambda: kBT * (np.log(-np.expm1(-x)) + half * x),
            "entropy": lambda: x / np.expm1(x) - np.log(-np.expm1(-x)),
            "thermal_sea": lambda: _heat(x),
        }[weight]()
        return np.where(positive, found, 0.0)

    def weigh(self, weight, spectra):
        self.check(weight)
        parts = [getattr(self, f"_{weight}")(kBT, *spectra) for kBT in self._temperatures.tolist()]
        return np.stack(parts) if np.ndim(self.kBT) else parts[0]

    def _sea(self, kBT, over_energy, *half):
        return kBT * self._axis.sum(over_energy, _phi, kBT) + sum(spectrum[0] for spectrum in half)

    def _surface(self, kBT, over_squared_energy):
        return kBT * self._axis.sum(over_squared_energy, _psi, kBT)

    def _grand_potential(self, kBT, plain, logarithmic, *half):
        logarithm = self._axis.sum(logarithmic, np.ones_like, kBT)
        thermal = kBT * (logarithm + self._axis.sum(plain, lambda x: _lambda(x) - np.log(kBT), kBT))
        return thermal + sum(spectrum[0] for spectrum in half)

    def _entropy(self, kBT, plain, logarithmic):
        rest = self._axis.sum(plain, lambda x: _phi(x) - _lambda(x) + np.log(kBT), kBT)
        return rest - self._axis.sum(logarithmic, np.ones_like, kBT)

    def _entropy_surface(self, kBT, over_energy):
        return self._axis.sum(over_energy, _psi, kBT)

    def _thermal_sea(self, kBT, plain):
        return self._axis.sum(plain, _heat, kBT)

    def _heat_capacity(self, kBT, plain):
        return self._axis.sum(plain, _psi, kBT)


def _at_first(chosen):
    """Some of the bands on the first node, each with weight 1."""
    starts = np.arange(len(chosen) + 1)
    return Spread(starts, np.zeros(len(chosen), dtype=np.int64), np.ones(len(chosen)), chosen)


def _only(spread, chosen):
    """The entries of some of the bands."""
    counts = np.diff(spread.starts)
    kept = np.repeat(chosen[spread.bands], counts)
    starts = np.concatenate([[0], np.cumsum(counts[chosen[spread.bands]])]).astype(spread.starts.dtype)
    return Spread(starts, spread.nodes[kept], spread.weights[kept], spread.bands[chosen[spread.bands]])


def _phi(x):
    """x/(eˣ − 1), 1 at 0."""
    return np.where(x == 0, 1.0, x / np.where(x == 0, 1.0, np.expm1(x)))


def _psi(x):
    """x² eˣ/(eˣ − 1)² = (½x / sinh ½x)², 1 at 0."""
    small = np.exp(-np.abs(x))
    return np.where(x == 0, 1.0, x**2 * small / np.where(x == 0, 1.0, np.expm1(-np.abs(x)) ** 2))


def _lambda(x):
    """ln((1 − e⁻ˣ)/x), 0 at 0."""
    return np.where(x == 0, 0.0, np.log(np.where(x == 0, 1.0, -np.expm1(-x) / np.where(x == 0, 1.0, x))))


def _heat(x):
    """c₂; ⅔π² − c₂(−x) below 0, where the interpolation has nodes."""
    y = np.abs(x)
    small = np.where(y == 0, 1.0, y)
    value = small**2 / np.expm1(small) - 2 * small * np.log(-np.expm1(-small)) + 2 * spence(-np.expm1(-small))
    value = np.where(y == 0, np.pi**2 / 3, value)
    return np.where(x < 0, 2 * np.pi**2 / 3 - value, value)
