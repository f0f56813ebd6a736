"""The catalogue: every quantity by its name, entered with `register`.

Command line, input file, tables, pictures, benchmark, documentation and tests read it; what a quantity is (axes, unit,
weights, options) its class says.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import InputError
from . import accumulation, density, dynamic, equilibrium, static, tabulate, thermal
from .base import GeometryCalculator, keywords
from .occupied import DensityOfStates, NumberOfElectrons, OccupationCalculator


@dataclass(frozen=True)
class Entry:
    """A quantity.

    Attributes
    ----------
    name : str
        In input files and results.
    calculator : type
    statistics : tuple of str
        Kinds of particles that it is for.
    """

    name: str
    calculator: type[GeometryCalculator]
    statistics: tuple[str, ...] = ("fermi",)

    @property
    def tabulated(self) -> bool:
        """Whether it has a value for each band rather than a sum over occupied states."""
        return not issubclass(self.calculator, OccupationCalculator)

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """Arguments of its own, besides those of all quantities of its kind, from the signature."""
        base = tabulate.BandTabulator if self.tabulated else OccupationCalculator
        common = keywords(base)
        return MappingProxyType({name: value for name, value in keywords(self.calculator).items() if name not in common})

    @property
    def axes(self) -> Mapping[str, str]:
        """Name and meaning of its Cartesian axes, without that of the observable."""
        return self.calculator.axes

    @property
    def occupations(self) -> tuple[str, ...]:
        """Weights that it takes with its default options; none where it is tabulated."""
        return () if self.tabulated else self.example().occupations

    @property
    def unit(self) -> str:
        """Unit for spin in three dimensions."""
        return self.calculator.unit if self.tabulated else self.example().unit(3)

    @property
    def of_observable(self) -> bool:
        """Whether it takes an operator."""
        return self.tabulated or self.calculator.of_observable

    def example(self) -> GeometryCalculator:
        """A calculator with default options, at 1 eV."""
        return self.calculator() if self.tabulated else self.calculator([0.0], kBT=1.0)


SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"definitions": ("kubo", "conserved", "conventional", "berry", "proper")}
)
"""Names that stand for several: every published definition of the current of s in a field."""

_ENTRIES: dict[str, Entry] = {}
_ENTRIES_OF_SUMS: dict[str, Entry] = {}

CATALOGUE: Mapping[str, Entry] = MappingProxyType(_ENTRIES)
"""Every quantity by name, in the order of tables: the headline first."""

SUMS: Mapping[str, Entry] = MappingProxyType(_ENTRIES_OF_SUMS)
"""Those that are sums over occupied states."""


def register(name: str, calculator: type[GeometryCalculator]) -> None:
    """Enter a quantity, at the end of the catalogue.

    Input files know the names that were there when `wb_conserved.cli` was imported.

    Parameters
    ----------
    name : str
        In input files and results.
    calculator : type
        A subclass of `OccupationCalculator` or `BandTabulator`, without arguments that have no default but the Fermi levels.

    Raises
    ------
    InputError
        A name that is there or is not an identifier, or another class.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError("name", "letters, digits and underscores", repr(name))
    if name in SETS:
        raise InputError("name", "one that does not stand for several quantities", repr(name))
    if name in _ENTRIES:
        raise InputError("name", "one that is not in the catalogue", f"{name!r}, {_ENTRIES[name].calculator.__name__}")
    kinds = (OccupationCalculator, tabulate.BandTabulator)
    if not isinstance(calculator, type) or not issubclass(calculator, kinds) or inspect.isabstract(calculator):
        expected = f"a complete subclass of {' or '.join(kind.__name__ for kind in kinds)}"
        raise InputError("calculator", expected, getattr(calculator, "__name__", repr(calculator)))
    entry = Entry(name, calculator)
    _ENTRIES[name] = entry
    if not entry.tabulated:
        _ENTRIES_OF_SUMS[name] = entry


for _name, _calculator in {
    "kubo": static.KuboConservedSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "conventional": static.ConventionalSpinConductivity,
    "berry": static.BerrySpinConductivity,
    "dipole": static.DipoleScatteringSpinConductivity,
    "proper": static.ProperSpinConductivity,
    "drift": static.DriftSpinConductivity,
    "streda": accumulation.StredaSpinConductivity,
    "accumulation_coefficient": accumulation.SpinAccumulationCoefficient,
    "edelstein": accumulation.Edelstein,
    "edelstein_intrinsic": accumulation.IntrinsicEdelstein,
    "kubo_dynamic": dynamic.DynamicKuboConservedSpinConductivity,
    "conventional_dynamic": dynamic.DynamicConventionalSpinConductivity,
    "nernst_kubo": thermal.KuboConservedSpinNernst,
    "nernst_conserved": thermal.ConservedSpinNernst,
    "nernst_conventional": thermal.ConventionalSpinNernst,
    "equilibrium_current": equilibrium.EquilibriumSpinCurrent,
    "torque_dipole": equilibrium.TorqueDipole,
    "current_dipole": equilibrium.SpinCurrentDipole,
    "torque_quadrupole": equilibrium.TorqueQuadrupole,
    "orbital_magnetization": equilibrium.SpinOrbitalMagnetization,
    "density_of_states": DensityOfStates,
    "number_of_electrons": NumberOfElectrons,
    "band_expectation": tabulate.Expectation,
    "band_conventional_current": tabulate.ConventionalCurrent,
    "band_torque_dipole": tabulate.TorqueDipole,
    "band_torque_berry_curvature": tabulate.TorqueBerryCurvature,
    "band_operator_berry_curvature": tabulate.OperatorBerryCurvature,
    "band_operator_dipole": tabulate.OperatorDipole,
    "band_current_dipole": tabulate.CurrentDipole,
    "band_torque_quadrupole": tabulate.TorqueQuadrupole,
    "band_berry_curvature_times_operator": tabulate.BerryCurvatureTimesOperator,
    "band_torque_dipole_polarizability": tabulate.TorqueDipolePolarizability,
    "band_orbital_moment": tabulate.OrbitalMoment,
    "band_conductivity": density.ConductivityDensity,
}.items():
    register(_name, _calculator)
