"""Equilibrium densities of currents, torque dipole and quadrupole, and the orbital magnetization of an observable s
(C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021), XN 1-6).

f is the Fermi function and g = kT ln(1 − f) the grand-potential density.  The uniform conventional current and the
torque-dipole current cancel (XN 5), and so do the symmetric parts of D and Q: see `wb_conserved.conservation_report`.
With s = σ/2 in ħ and D periodic directions, currents are in eV/Å^(D−1), their dipoles in eV/Å^(D−2), both per ħ of
s ħ/ħ.  The arguments are those of `OccupationCalculator`.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from ..geometry import axial_vector
from ..units import BOHR_MAGNETON_AREA, energy_unit, periodic_measure
from .band_geometry import BandGeometry
from .base import DIPOLE, FLOW
from .occupied import OccupationCalculator, Term


class _Density(OccupationCalculator):
    """A density per D-dimensional volume."""

    power = 1  # unit eV Å^power per Å^D
    sources = ("xiao2021",)

    def factor(self, system):
        return 1.0 / periodic_measure(system)[1]

    def unit(self, dimension):
        return energy_unit(self.power - dimension, self.operator.unit)


class EquilibriumSpinCurrent(_Density):
    r"""Uniform conventional current of s in equilibrium, :math:`\int f J^{is}`, tensor [Efermi, i, s].

    Nonzero in crystals without inversion: the conventional current is not a transport current.
    """

    symbol = "J"
    long_name = "equilibrium conventional current"
    axes = MappingProxyType({"i": FLOW})
    shown = "xy"
    odd_under_inversion = True

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.diagonal_current)]


class TorqueDipole(_Density):
    r"""Uniform torque-dipole current :math:`D^{i\tau} = \int (f d^{i\tau} + g\,\Omega^{i\tau})`, tensor [Efermi, i, s]."""

    symbol = "D^τ"
    long_name = "torque dipole density"
    axes = MappingProxyType({"i": DIPOLE})
    shown = "xy"
    odd_under_inversion = True
    occupations = ("sea", "grand_potential")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [
            Term("sea", band_geometry.torque_dipole),
            Term("grand_potential", band_geometry.torque_berry_curvature),
        ]


class SpinCurrentDipole(_Density):
    r"""Dipole of the conventional current :math:`D^{lis} = \int (f d^{lis} + g\,\Omega^{lis})`, tensor [Efermi, l, i, s]."""

    symbol = "D"
    long_name = "dipole density of the conventional current"
    axes = MappingProxyType({"l": DIPOLE, "i": FLOW})
    power = 2
    occupations = ("sea", "grand_potential")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        curvature = np.swapaxes(band_geometry.operator_berry_curvature, 2, 3)
        return [Term("sea", band_geometry.current_dipole), Term("grand_potential", curvature)]


class TorqueQuadrupole(_Density):
    r"""Torque quadrupole density :math:`Q^{il\tau} = \int (f q^{il\tau} + g\,\chi^{il\tau})`, tensor [Efermi, i, l, s]."""

    symbol = "Q"
    long_name = "torque quadrupole density"
    axes = MappingProxyType({"i": "first direction of the quadrupole", "l": "second direction of the quadrupole"})
    power = 2
    occupations = ("sea", "grand_potential")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [
            Term("sea", band_geometry.torque_quadrupole),
            Term("grand_potential", band_geometry.torque_dipole_polarizability),
        ]


class SpinOrbitalMagnetization(OccupationCalculator):
    r"""Orbital magnetization of s (XN 6), per cell, tensor [Efermi, a, s].

    .. math:: M^s_a = \int (f\,m^s_a + g\,\Omega_a s),\quad \Omega_a s = \tfrac12\epsilon_{abc}\,\Omega s^{bc}

    Unit eV Å^2 (spin in ħ, times 1/ħ).  For the identity it is the orbital magnetization divided by the charge; times the
    charge of an electron that is the result, in Bohr magnetons per cell, WannierBerri's ``Morb``.  In a gap
    :math:`\sigma_H^s = e\,\partial M^s/\partial\mu` (XN 12).
    """

    symbol = "M^s"
    long_name = "orbital magnetization of s per cell"
    sources = ("xiao2021",)
    axes = MappingProxyType({"a": "component of the magnetization"})
    shown = "zz"
    occupations = ("sea", "grand_potential")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        # array [i, l] holds Ωs^{li}
        curvature = 0.5 * axial_vector(np.swapaxes(band_geometry.berry_curvature_times_operator, 2, 3))
        return [Term("sea", band_geometry.orbital_moment), Term("grand_potential", curvature)]

    def factor(self, system):
        return -1.0 / BOHR_MAGNETON_AREA if self.operator.is_identity else 1.0

    def unit(self, dimension):
        return "μ_B per cell" if self.operator.is_identity else f"{energy_unit(2, self.operator.unit)} per cell"
