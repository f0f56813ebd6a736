"""The levels and temperatures of a result, the axes that they make, and the base of the statistics of such a scan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..errors import InputError
from ..units import BOLTZMANN_EV
from .axis import SmoothAxis, StepAxis
from .base import Placement, Statistics, level_array

PLAIN, ENERGY = "X", "ε X"


class Scan:
    """Every Fermi level at every temperature, or one level for each temperature.

    Parameters
    ----------
    levels : float array (n,)
        Fermi levels, eV, in any order and with any spacing.
    kBT : float or sequence of float
        eV.  One number: no axis of its own; a sequence, even of one: an axis.
    paired : bool
        One level for each temperature; results have the axis of temperatures only.
    named : bool
        Whether results name the levels of `paired`.

    Attributes
    ----------
    levels, temperatures : float arrays
    axes : dict of str to float array
        Axes of the results, in order.
    coordinates : dict of str to (str, float array)
        Further values along these axes.

    Raises
    ------
    InputError
        Not finite numbers, a negative temperature, or 0 among several.
    """

    def __init__(self, levels, kBT=0.0, paired: bool = False, named: bool = True):
        self.levels = level_array(levels)
        self.temperatures = np.atleast_1d(_temperatures(kBT))
        self._paired, several = paired, np.ndim(kBT) > 0
        if paired and len(self.levels) != len(self.temperatures):
            raise InputError("levels", f"one for each of {len(self.temperatures)} temperatures", f"{len(self.levels)}")
        self.axes = {} if paired else {"Efermi": self.levels}
        if paired or several:
            self.axes["kBT"] = self.temperatures
        self.coordinates = {"kelvin": ("kBT", self.temperatures / BOLTZMANN_EV)} if "kBT" in self.axes else {}
        if paired and named:
            self.coordinates["mu"] = ("kBT", self.levels)

    @property
    def groups(self) -> list[tuple[float, np.ndarray]]:
        """Each temperature with its levels."""
        levels = self.levels[:, None] if self._paired else [self.levels] * len(self.temperatures)
        return list(zip(self.temperatures.tolist(), levels, strict=True))

    def at(self, place: tuple[int, ...]) -> tuple[float, float]:
        """Temperature and level (eV) at a place, an index for each of the axes."""
        along = dict(zip(self.axes, place, strict=True))
        of_level = along["kBT"] if self._paired else along["Efermi"]
        return float(self.temperatures[along.get("kBT", 0)]), float(self.levels[of_level])

    def collect(self, of_group: Callable[[float, np.ndarray], np.ndarray]) -> np.ndarray:
        """Array (*axes, ...) from a function of each temperature and its levels, which returns (level, ...)."""
        parts = [of_group(kBT, levels) for kBT, levels in self.groups]
        if self._paired:
            return np.concatenate(parts)
        return np.stack(parts, axis=1) if "kBT" in self.axes else parts[0]


class _WithEnergies(Placement):
    """Bands of which some moments take the energy of each."""

    def __init__(self, states, plain):
        self._energies = states.multiplets.energies
        super().__init__(states, lambda moment: plain.times(self._energies) if moment == ENERGY else plain)

    def add(self, moment, values, spectrum, factor=1.0):
        if moment == ENERGY:
            values = self._energies.reshape(*self._energies.shape, *(1,) * (values.ndim - 2)) * values
        super().add(PLAIN, values, spectrum, factor)


class ScanStatistics(Statistics):
    """Statistics of a scan whose bands lie on an energy axis at the mean energies of their multiplets.

    A weight is made of the moment "X", those of `with_energy` of "X" and "ε X".  How spectra are weighed, `weigh_levels`
    of a subclass says.

    Parameters
    ----------
    scan_axes : Scan
    axis : StepAxis or SmoothAxis

    Attributes
    ----------
    scan_axes, axis
        As given.
    with_energy : tuple of str
    """

    with_energy: ClassVar[tuple[str, ...]] = ()

    def __init__(self, scan_axes: Scan, axis: StepAxis | SmoothAxis):
        self.scan_axes, self.axis = scan_axes, axis

    @property
    def scan(self):
        return self.scan_axes.axes

    @property
    def coordinates(self):
        """What belongs to the scan, see `Statistics`."""
        return self.scan_axes.coordinates

    @property
    def n_nodes(self) -> int:
        return self.axis.n_nodes

    @property
    def key(self):
        return self.axis.key

    def moments(self, weight):
        return (PLAIN, ENERGY) if weight in self.with_energy else (PLAIN,)

    def place(self, states):
        energies = states.multiplets.energies
        return _WithEnergies(states, self.axis.spread(energies.reshape(-1)))

    def weigh(self, weight, spectra):
        self.check(weight)
        return self.scan_axes.collect(lambda kBT, levels: self.weigh_levels(weight, kBT, levels, *spectra))

    @abstractmethod
    def weigh_levels(self, weight: str, kBT: float, levels: np.ndarray, *spectra: np.ndarray) -> np.ndarray:
        """Weighted sums over bands (level, ...) at one temperature.

        Parameters
        ----------
        weight : str
        kBT : float
            eV.
        levels : float array (level,)
            eV.
        *spectra : float arrays (n_nodes, ...)
            One for each of `moments`.
        """


def _temperatures(kBT):
    values = np.asarray(kBT)
    expected = "a number >= 0, or several > 0 (eV)"
    if values.ndim > 1 or values.size == 0 or values.dtype.kind not in "iuf" or not np.all(np.isfinite(values)):
        raise InputError("kBT", expected, repr(kBT))
    if np.any(values < 0) or (values.size > 1 and np.any(values == 0)):
        zero = " (steps at zero temperature do not go with others: a run of their own)" if np.any(values == 0) else ""
        raise InputError("kBT", expected + zero, repr(kBT))
    return values.astype(float)
