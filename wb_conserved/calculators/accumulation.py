r"""What an electric field makes of the density of an observable s itself: spin accumulation, torque, magnetization.

With the spin that is the Edelstein (magnetoelectric) effect, with a torque (``operator="exchange_torque"``) the torkance of a
magnet, with an orbital moment the orbital Edelstein effect.  Two parts, which behave oppositely when time, and with it a
magnet, is reversed: that of the shifted occupation, ∝ the relaxation time, and that of the polarized bands.  e = −|e|.  The
arguments are those of `wb_conserved.calculators.occupied.OccupationCalculator`.
"""

from __future__ import annotations

from types import MappingProxyType

from ..units import polarization_unit
from .band_geometry import BandGeometry
from .base import FIELD
from .occupied import OccupationCalculator, Term
from .relaxation import WithRelaxation
from .static import Conductivity


class _Accumulation(OccupationCalculator):
    """s per cell in a field along l, tensor [Efermi, l, s]."""

    axes = MappingProxyType({"l": FIELD})
    shown = "xy"
    like_current = False
    force = "electric field"
    odd_under_inversion = True  # a polar vector besides s

    def factor(self, system):
        return -1.0  # e = −|e|, of the average over k points

    def unit(self, dimension):
        return polarization_unit(self.operator.unit)


class Edelstein(WithRelaxation, _Accumulation):
    r"""s per cell from the shifted occupation, relaxation time t.

    .. math:: \delta s = \chi E_l,\quad \chi^{ls} = e\,t\int\left(-\frac{\partial f}{\partial\varepsilon}\right)
        \bar v^l\,\mathrm{tr}_M s

    (V. M. Edelstein, Solid State Commun. 73, 233 (1990).)  With the exchange torque it is the part of the torkance that is odd
    when the magnet is reversed; with i[H, s] it vanishes: the trace of a commutator.
    """

    symbol = "χ"
    sources = ("edelstein1990",)
    long_name = "accumulation in a field (Edelstein effect), shifted occupation"
    occupations = ("surface",)
    dissipative = True

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("surface", band_geometry.operator_velocity)]


class IntrinsicEdelstein(_Accumulation):
    r"""s per cell from polarized bands.

    .. math:: \chi^{ls}_{in} = e\int f\,\Big(-2\,\mathrm{Im}\sum_{n\in M,m\notin M}
        \frac{v^l_{nm}s_{mn}}{(\varepsilon_n-\varepsilon_m)^2}\Big)

    (I. Garate and A. H. MacDonald, Phys. Rev. B 80, 134403 (2009).)  With the exchange torque it is the part of the torkance
    that is even when the magnet is reversed.  With τ = i[H, s] it is :math:`e\int f\,\partial_{k_l}s_M`, that is
    `Edelstein` of s per time: in a steady state the torque makes up for what relaxation takes, and there is none in a gap;
    exactly so for an s that commutes with position.
    """

    symbol = "χ_in"
    sources = ("garate2009",)
    long_name = "accumulation in a field, intrinsic"

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.operator_polarizability)]


class SpinAccumulationCoefficient(Conductivity):
    r"""Accumulation of s in the gradient along i of a field along l, per relaxation time.

    .. math:: \delta s = t\,\gamma^{ils}\,\partial_iE_l,\quad \gamma^{ils} = e\int
        \left(-\frac{\partial f}{\partial\varepsilon}\right)
        \left[\mathrm{tr}_M(d^{is}_Mv^l_M) - \mathrm{tr}_M(s_Mm^{il}_M)\right]

    (A. Shitade and E. Minamitani, npj Spintronics 3, 29 (2025), where e is −|e| too), d the matrix of the s-dipole and m that
    of the orbital moment inside the multiplet.  What accumulates where a field begins and ends, without a definition of a
    current; its source, −∂_i(−γE), makes it a conductivity of s of its own.
    """

    symbol = "γ_s"
    sources = ("shitade2025",)
    long_name = "accumulation coefficient in a gradient of the field"
    occupations = ("surface",)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("surface", band_geometry.accumulation_in_gradient)]


class StredaSpinConductivity(Conductivity):
    r"""Generalised Středa response: what a field h that couples to s, H + hs, does to the orbital magnetization of the charge.

    .. math:: \sigma^{ils}_{St} = -\epsilon_{ila}\left.\frac{\partial M_a}{\partial h_s}\right|_\mu
        = \sigma^{ils}_K - \gamma^{ils}

    The response of s to a static, slowly varying vector potential (ω → 0 before q → 0), in which the Fermi surface takes part;
    γ of `SpinAccumulationCoefficient` is just that part.  Antisymmetric in i and l, always; in a gap it is σ_K.
    """

    symbol = "σ_St"
    sources = ("streda1982", "shitade2025")
    long_name = "generalised Středa response, −∂M/∂h"
    occupations = ("sea", "surface")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        surface = band_geometry.kubo_surface - band_geometry.accumulation_in_gradient
        return [Term("sea", band_geometry.kubo_sea), Term("surface", surface)]
