"""The Fermi level that holds a number of electrons, at each temperature.

    N(μ, T) = ∫dε D(ε) f((ε − μ)/kT)

D is the spectrum of the bands of the whole mesh on an energy axis, so that μ belongs to the same mesh as the result.
Every Bloch state of the Wannier functions holds one electron.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..errors import InputError
from .fermi import FermiDirac, Steps, fermi, fermi_slope
from .scan import Scan

_STEPS = 2**18
"""Intervals of the spectrum at zero temperature: a thousandth of an eV in a spectrum of 250 eV."""
_FULL = 1e-9  # electrons: two numbers that differ by less are the same
_FAR = 50.0
"""A level this many kT below all bands leaves less than `_FULL` electrons in them."""
_FEW, _MORE = 1e-10, 1e-8
"""Carriers of a pure insulator: fewer than the first number vanish beside the electrons of the full bands.  The level is then
the mean of those at which there are as many electrons and holes as the second number says, which is exact as long as each of
them is proportional to exp(±μ/kT)."""
_PER = ("cell", "cm3")


@dataclass(frozen=True)
class Electrons:
    """A number of electrons, which takes the place of Fermi levels: ``calculator(Electrons(18), kBT=[0.01, 0.02])``.

    `wb_conserved.run` counts the bands of the whole mesh first (of the mesh before adaptive refinement), each band at its own
    energy, and finds the level of each temperature by bisection; results have the axis kBT, and the levels along it as the
    coordinate ``mu`` of their data set.  At zero temperature the level lies within a spectrum's 2^18th part of the band that
    holds the last electron, and in a gap in its middle.

    Parameters
    ----------
    number : float, optional
        Electrons per cell.
    level, carriers : float, optional
        In place of `number`: that below `level` (eV) at zero temperature, and `carriers` more (negative: holes).
    per : {"cell", "cm3"}
        What `carriers` are counted for; a cell, or cm³ (cm² of a sheet).

    Raises
    ------
    InputError
        Neither or both, or numbers that are not finite.
    """

    number: float | None = None
    level: float | None = None
    carriers: float | None = None
    per: str = "cell"

    def __post_init__(self):
        given = [value is not None for value in (self.number, self.level, self.carriers)]
        if given not in ([True, False, False], [False, True, True]):
            raise InputError("electrons", "either number, or level and carriers", str(self._values()))
        if not all(np.isfinite(value) for value in self._values().values()):
            raise InputError("electrons", "finite numbers", str(self._values()))
        if self.number is not None and not self.number > 0:
            raise InputError("electrons", "a number > 0 per cell", repr(self.number))
        if self.per not in _PER:
            raise InputError("per", f"one of {', '.join(_PER)}", repr(self.per))

    def _values(self):
        named = {"number": self.number, "level": self.level, "carriers": self.carriers}
        return {name: float(value) for name, value in named.items() if value is not None}

    def __str__(self):
        if self.number is not None:
            return f"{self.number:g} per cell"
        return f"{self.carriers:+g} per {self.per} from those below {self.level:g} eV"

    def total(self, neutral: float | None, dimension: int, measure: float) -> float:
        """Electrons per cell.

        Parameters
        ----------
        neutral : float or None
            Those below `level`, where that is given.
        dimension, measure : int, float
            Number of periodic directions, and size of the cell in Å^dimension.
        """
        if self.number is not None:
            return self.number
        cells = 1.0 if self.per == "cell" else measure * 1e-8**dimension
        return neutral + self.carriers * cells


def counting_statistics(lowest: float, highest: float, kBT: float) -> FermiDirac | Steps:
    """Statistics on whose axis the bands between two energies are added, fine enough for temperatures from `kBT` on."""
    if kBT > 0:
        return FermiDirac(Scan([lowest, highest], kBT))
    return Steps(Scan(np.linspace(lowest, highest, _STEPS)))


def level_of(statistics: FermiDirac | Steps, spectrum: np.ndarray, number: float, kBT: float) -> float:
    """Fermi level that holds a number of electrons; in a gap at zero temperature, its middle.

    Parameters
    ----------
    statistics
        Of `counting_statistics`.
    spectrum : float array (n_nodes,)
        Electrons per cell on its axis.
    number : float
        Electrons per cell.
    kBT : float
        eV.

    Raises
    ------
    InputError
        More electrons than states, or fewer than 0.
    """
    states = spectrum.sum()
    if not _FULL < number < states - _FULL:
        raise InputError("electrons", f"a number between 0 and the {states:g} states of a cell", f"{number:g}")
    levels = statistics.scan_axes.levels
    if kBT == 0:
        below = np.cumsum(spectrum)[: len(levels)]
        first, last = np.searchsorted(below, [number - _FULL, number + _FULL])
        return float(0.5 * (levels[first] + levels[max(first, last - 1)]))
    energies, margin = statistics.energies, _FAR * kBT

    def level(electrons):
        ends = energies[0] - margin, energies[-1] + margin
        return brentq(lambda mu: spectrum[0] + spectrum[1:] @ fermi((energies - mu) / kBT) - electrons, *ends, xtol=1e-12)

    found = level(number)
    carriers = spectrum[1:] @ fermi_slope((energies - found) / kBT)  # electrons and holes, each
    if carriers < _FEW:
        found = 0.5 * (level(number - _MORE) + level(number + _MORE))
    return float(found)


@dataclass(frozen=True)
class ElectronSpectrum:
    """Electrons per cell on an energy axis, for which the level that holds a number of them is found."""

    statistics: FermiDirac | Steps
    spectrum: np.ndarray
    dimension: int
    measure: float

    def levels(
        self, electrons: Electrons, neutral: float | None, temperatures: np.ndarray, provisional: bool = False
    ) -> np.ndarray:
        """Fermi level of a number of electrons at each temperature (eV), eV; if `provisional`, of a possible one."""
        number = electrons.total(neutral, self.dimension, self.measure)
        if provisional and electrons.number is None:  # those below a level at one k point may be all or none
            states = float(self.spectrum.sum())
            number = min(max(number, 0.01 * states), 0.99 * states)
        return np.array([level_of(self.statistics, self.spectrum, number, kBT) for kBT in temperatures.tolist()])
