"""The catalogue: every quantity by its name, entered with `register`.

Command line, input file, tables, pictures, benchmark, documentation and tests read it; what a quantity is (axes, unit,
weights, options) its class says.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..errors import InputError
from ..occupations import Bose
from . import accumulation, density, dynamic, equilibrium, impurities, quasiparticles, static, tabulate, thermal
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
        Of a `GeometryCalculator`.
    """

    name: str
    calculator: type[Any]

    @property
    def of_bosons(self) -> bool:
        """Whether it is for bosons without charge and level too, as magnons are."""
        if self.needs_impurities or self.calculator.force == "electric field":
            return False
        if self.tabulated:
            return True
        if issubclass(self.calculator, NumberOfElectrons):
            return False
        return not self.calculator.any_level and set(self.occupations) <= set(Bose.weights)

    @property
    def tabulated(self) -> bool:
        """Whether it has a value for each band rather than a sum over occupied states."""
        return not issubclass(self.calculator, OccupationCalculator)

    @property
    def needs_impurities(self) -> bool:
        """Whether it is of a crystal with impurities, and takes the argument ``disorder``."""
        return not self.tabulated and self.calculator.needs_impurities

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """Arguments of its own, besides those of all quantities of its kind, from the signature."""
        plain = impurities.ImpurityQuantity if self.needs_impurities else OccupationCalculator
        common = keywords(tabulate.BandTabulator if self.tabulated else plain)
        return MappingProxyType({name: value for name, value in keywords(self.calculator).items() if name not in common})

    @property
    def axes(self) -> Mapping[str, str]:
        """Name and meaning of its Cartesian axes, without that of the observable."""
        return self.calculator.axes

    @property
    def family(self) -> str:
        """What it is a part of, with others; empty: of nothing."""
        return "" if self.tabulated else self.calculator.family

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
        return self.calculator.of_observable

    def example(self) -> GeometryCalculator:
        """A calculator with default options, at 1 eV."""
        return self.calculator() if self.tabulated else self.calculator([0.0], kBT=1.0)


SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"definitions": ("kubo", "conserved", "conventional", "berry", "proper")}
)
"""Names that stand for several: every published definition of the current of s in a field."""

_ENTRIES: dict[str, Entry] = {}
_ENTRIES_OF_SUMS: dict[str, Entry] = {}
_ENTRIES_OF_IMPURITIES: dict[str, Entry] = {}
_ENTRIES_OVER_LEVELS: dict[str, Entry] = {}

CATALOGUE: Mapping[str, Entry] = MappingProxyType(_ENTRIES)
"""Every quantity by name, in the order of tables: the headline first."""

SUMS: Mapping[str, Entry] = MappingProxyType(_ENTRIES_OF_SUMS)
"""Those that are sums over occupied states."""

IMPURITIES: Mapping[str, Entry] = MappingProxyType(_ENTRIES_OF_IMPURITIES)
"""Those of a crystal with impurities."""

OVER_LEVELS: Mapping[str, Entry] = MappingProxyType(_ENTRIES_OVER_LEVELS)
"""Both: functions of the Fermi level, which an input file may ask for."""

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
        _ENTRIES_OVER_LEVELS[name] = entry
        (_ENTRIES_OF_IMPURITIES if entry.needs_impurities else _ENTRIES_OF_SUMS)[name] = entry


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
    "nernst_drift": thermal.DriftSpinNernst,
    "equilibrium_current": equilibrium.EquilibriumSpinCurrent,
    "torque_dipole": equilibrium.TorqueDipole,
    "total_current": equilibrium.TotalCurrent,
    "current_dipole": equilibrium.SpinCurrentDipole,
    "torque_quadrupole": equilibrium.TorqueQuadrupole,
    "orbital_magnetization": equilibrium.SpinOrbitalMagnetization,
    "magnetization_interband": equilibrium.InterbandMagnetization,
    "magnetization_circuits": equilibrium.CircuitMagnetization,
    "magnetization_global": equilibrium.GlobalMagnetization,
    "magnetization_response": equilibrium.ResponseMagnetization,
    "thermal_hall": quasiparticles.ThermalHallConductivity,
    "zeeman_spin_current": quasiparticles.ZeemanSpinConductivity,
    "specific_heat": quasiparticles.SpecificHeat,
    "smallest_energy": quasiparticles.SmallestEnergy,
    "density_of_states": DensityOfStates,
    "number_of_electrons": NumberOfElectrons,
    "impurity_total": impurities.ImpurityTotal,
    "impurity_drift": impurities.ImpurityDrift,
    "impurity_skew": impurities.ImpuritySkew,
    "impurity_side_jump": impurities.ImpuritySideJump,
    "impurity_anomalous_distribution": impurities.ImpurityAnomalousDistribution,
    "impurity_gaussian_skew": impurities.ImpurityGaussianSkew,
    "impurity_conventional_total": impurities.ConventionalImpurityTotal,
    "impurity_conventional_drift": impurities.ConventionalImpurityDrift,
    "impurity_conventional_skew": impurities.ConventionalImpuritySkew,
    "impurity_conventional_side_jump": impurities.ConventionalImpuritySideJump,
    "impurity_conventional_anomalous_distribution": impurities.ConventionalImpurityAnomalousDistribution,
    "impurity_conventional_gaussian_skew": impurities.ConventionalImpurityGaussianSkew,
    "hall_angle": impurities.HallAngle,
    "impurity_charge": impurities.ImpurityCharge,
    "impurity_lifetime": impurities.ImpurityLifetime,
    "impurity_mean_free_path": impurities.ImpurityMeanFreePath,
    "impurity_resistivity": impurities.ResidualResistivity,
    "impurity_origin": impurities.OriginDependence,
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
    "band_interband_moment": tabulate.InterbandMoment,
    "band_circuit_moment": tabulate.CircuitMoment,
    "band_berry_curvature": tabulate.BerryCurvature,
    "band_conductivity": density.ConductivityDensity,
}.items():
    register(_name, _calculator)

WITH_IMPURITIES = ("conserved", "conventional", "berry", "dipole", *IMPURITIES, "impurity_origin")
"""What is computed of a crystal with impurities where nothing else is said: the clean response that they add to, and all of
theirs."""
