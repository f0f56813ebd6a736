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

from ..errors import InputError
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


class TotalCurrent(_Density):
    r"""Uniform conventional current and its backflow, :math:`\int f J^{is} + D^{i\tau}`, tensor [Efermi, i, s]; 0 (XN 5).

    What remains is an error of the mesh, or of a truncated basis, see `wb_conserved.conservation_report`.
    """

    symbol = "J + D^τ"
    long_name = "conventional current with backflow, 0 (XN 5)"
    axes = MappingProxyType({"i": FLOW})
    shown = "xy"
    odd_under_inversion = True
    occupations = ("sea", "grand_potential")

    @property
    def _watched(self):
        """None, as the sum vanishes."""
        return ()

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [
            Term("sea", band_geometry.diagonal_current + band_geometry.torque_dipole),
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


class _Magnetization(OccupationCalculator):
    """A part of the orbital magnetization, per cell."""

    axes = MappingProxyType({"a": "component of the magnetization"})
    shown = "zz"
    counted = True
    companion = "M_F"
    sources = ("xiao2021",)

    def factor(self, system):
        return -1.0 / BOHR_MAGNETON_AREA if self.operator.is_identity else 1.0

    def unit(self, dimension):
        return "μ_B per cell" if self.operator.is_identity else f"{energy_unit(2, self.operator.unit)} per cell"


class SpinOrbitalMagnetization(_Magnetization):
    r"""Orbital magnetization of s (XN 6; XN 7 for the charge of a superconductor), per cell, tensor [Efermi, a, s].

    .. math:: M^s_a = \int (f\,m^s_a + g\,\Omega_a s),\quad \Omega_a s = \tfrac12\epsilon_{abc}\,\Omega s^{bc}

    Unit eV Å^2 (spin in ħ, times 1/ħ).  For the identity it is the orbital magnetization divided by the charge; times the
    charge of an electron that is the result, in Bohr magnetons per cell, WannierBerri's ``Morb``.  In a gap
    :math:`\sigma_H^s = e\,\partial M^s/\partial\mu` (XN 12).  The sum of `InterbandMagnetization`, `CircuitMagnetization` and
    `GlobalMagnetization`.  Where [H, s] ≠ 0, near crossings of occupied bands contribute, and the sum over completely filled
    bands is not zero: look at `ResponseMagnetization` beside it.

    Parameters
    ----------
    outside_states : bool
        For the identity: add the part of the moment that comes from states outside the space of the Wannier functions, see
        `wb_conserved.geometry.outside_moment`, from the matrices that ``load_system(..., outside_states=True)`` adds.
    """

    symbol = "M^s"
    long_name = "orbital magnetization of s per cell"
    occupations = ("sea", "grand_potential")

    def __init__(self, Efermi=None, *, outside_states: bool = False, **kwargs):
        if not isinstance(outside_states, bool):
            raise InputError("outside_states", "True or False", repr(outside_states))
        self.outside_states = outside_states
        super().__init__(Efermi, **kwargs)
        if outside_states and not (self.operator.is_identity and self.external_terms):
            found = f"operator {self.operator.name}, external_terms={self.external_terms}"
            expected = "False for an operator other than the identity, or without external terms"
            raise InputError("outside_states", expected, found)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        moment = band_geometry.orbital_moment
        if self.outside_states:
            moment = moment + band_geometry.outside_moment
        return [Term("sea", moment), Term("grand_potential", _axial_curvature(band_geometry))]

    def _check_matrices(self, system):
        super()._check_matrices(system)
        missing = [name for name in ("HQ", "QHQ", "QQ") if self.outside_states and not system.has_R_mat(name)]
        if missing:
            expected = f"the matrices {', '.join(missing)} of outside_states"
            raise InputError("system", expected, "none: load_system(..., outside_states=True)")

    def parameters(self):
        return super().parameters() | ({"outside_states": True} if self.outside_states else {})


class InterbandMagnetization(_Magnetization):
    r"""Interband part of the orbital magnetization of s, local, :math:`\int f m_1`, per cell, tensor [Efermi, a, s].

    .. math:: m_1 = \tfrac12\mathrm{Re}\sum_{m\notin M}A_{nm}\times J^s_{mn}
    """

    symbol = "M_1"
    long_name = "orbital magnetization: interband part, local"

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.interband_moment)]


class CircuitMagnetization(_Magnetization):
    r"""Part of the orbital magnetization of s from local circuits, :math:`\int f m_2`, per cell, tensor [Efermi, a, s].

    .. math:: m_2 = \tfrac12\mathrm{Re\,tr}_M(d^s_M\times v_M)

    Zero for the identity, which has no dipole.
    """

    symbol = "M_2"
    long_name = "orbital magnetization: local circuits"

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.circuit_moment)]


class GlobalMagnetization(_Magnetization):
    r"""Global part of the orbital magnetization of s, :math:`\int g\,\Omega_a s`, per cell, tensor [Efermi, a, s]."""

    symbol = "M_g"
    long_name = "orbital magnetization: global part"
    occupations = ("grand_potential",)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("grand_potential", _axial_curvature(band_geometry))]


class ResponseMagnetization(_Magnetization):
    r"""Response to a vector potential, the antisymmetric dipole of the conventional current, per cell, tensor [Efermi, a, s].

    .. math:: M_{F,z} = \tfrac12(D^{xys} - D^{yxs}) = \tfrac12\sum_{n<m}\int\left[\frac{f_n+f_m}{\omega_{nm}}
        - \frac{2(g_n-g_m)}{\omega_{nm}^2}\right]\mathrm{Im}(v^x_{nm}J^{ys}_{mn} - v^y_{nm}J^{xs}_{mn})

    Pairs of occupied bands cancel, as those of σ_K do.  Equals `SpinOrbitalMagnetization` for the identity, and differs in
    general, by an antisymmetric part of Q that the local torque does not fix.
    """

    symbol = "M_F"
    long_name = "orbital magnetization: response to A"
    occupations = ("sea", "grand_potential")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        curvature = np.swapaxes(band_geometry.operator_berry_curvature, 2, 3)  # [l, i]
        return [
            Term("sea", band_geometry.interband_moment),
            Term("grand_potential", 0.5 * axial_vector(curvature)),
        ]


def _axial_curvature(band_geometry):
    """Ω_a s (k, n, a, s)."""
    # array [i, l] holds Ωs^{li}
    return 0.5 * axial_vector(np.swapaxes(band_geometry.berry_curvature_times_operator, 2, 3))
