"""Static linear response of the current of s along i to an electric field along l, tensor [Efermi, i, l, s].

Equation numbers "XN" are those of C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021).  e = −|e|; units (ħ/|e|) S/cm
for spin s = σ/2, (1/|e|) S/cm for the identity, per sheet for two-dimensional systems.  The arguments are those of
`wb_conserved.calculators.occupied.OccupationCalculator`.
"""

from __future__ import annotations

from ..errors import InputError
from ..geometry.spin_current import SPIN_CURRENTS
from .band_geometry import BandGeometry
from .band_quantities import spin_berry_curvature
from .occupied import OccupationCalculator, Term
from .relaxation import WithRelaxation


class Conductivity(OccupationCalculator):
    """Base of the responses to an electric field."""

    remark = "sign as in postw90"
    companion = "σ_K"
    force = "electric field"


class ConventionalSpinConductivity(Conductivity):
    r"""Conventional spin conductivity, the response of :math:`\frac12\{v, s\}`.

    .. math:: \sigma^{ils}_{conv} = e\int f\,\Omega^{lis},\quad
        \Omega^{lis}_M = -2\,\mathrm{Im}\sum_{n\in M,m\notin M}
        \frac{v^l_{nm}J^{is}_{mn}}{(\varepsilon_n-\varepsilon_m)^2}

    The current is not conserved where :math:`[H,s]\neq0`.  Equals WannierBerri's ``static.SHC`` with
    ``spin_current_type="simple"``, or the kind chosen (in S/m there).

    Parameters
    ----------
    spin_current : {"projected", "qiao", "ryoo"}
        How the product of v and s takes states outside the Wannier space into account, see
        `wb_conserved.geometry.spin_current`; the last two for spin, with external terms, and with the matrices that
        ``load_system(..., spin_current=...)`` adds.
    """

    symbol = "σ_conv"
    long_name = "conventional spin conductivity"

    @property
    def sources(self):
        """Of the definition, and of the spin current chosen."""
        return ("sinova2004", *SPIN_CURRENTS[self.spin_current].sources)

    def __init__(self, Efermi=None, *, spin_current: str = "projected", **kwargs):
        if spin_current not in SPIN_CURRENTS:
            raise InputError("spin_current", f"one of {', '.join(SPIN_CURRENTS)}", repr(spin_current))
        self.spin_current = spin_current
        if SPIN_CURRENTS[spin_current].matrices:
            label = SPIN_CURRENTS[spin_current].label.partition(",")[0]
            self.symbol, self.long_name = f"σ_{label}", f"{self.long_name}, {label}"
        super().__init__(Efermi, **kwargs)
        if SPIN_CURRENTS[spin_current].matrices and not (self.operator.is_spin and self.external_terms):
            raise InputError(
                "spin_current",
                "'projected' for an operator other than spin, or without external terms",
                f"{spin_current!r} with operator {self.operator.name}, external_terms={self.external_terms}",
            )

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", spin_berry_curvature(band_geometry, self.spin_current))]

    def _check_matrices(self, system):
        super()._check_matrices(system)
        missing = [name for name in SPIN_CURRENTS[self.spin_current].matrices if not system.has_R_mat(name)]
        if missing:
            raise InputError(
                "system",
                f"the matrices {', '.join(missing)} of spin_current={self.spin_current!r}",
                f"none: load_system(..., spin_current={self.spin_current!r})",
            )

    def parameters(self):
        return super().parameters() | {"spin_current": SPIN_CURRENTS[self.spin_current].label}


class ConservedSpinConductivity(Conductivity):
    r"""Conserved spin conductivity, intrinsic part (XN 11).

    .. math:: \sigma^{ils}_{in} = e\int f\,(\Omega s^{li} + \partial_{k_l}d^{is})
        = e\int\left[f\,\Omega s^{li} + \left(-\frac{\partial f}{\partial\varepsilon}\right)d^{is}\bar v^l\right]

    The dipole term is evaluated on the Fermi surface: d diverges at band crossings, and its derivative carries
    delta functions there that a Fermi-sea sum misses.  Jumps where an exact crossing of occupied bands opens, so look at
    its dependence on ``degen_thresh``; `KuboConservedSpinConductivity` is continuous.

    Parameters
    ----------
    terms : {"all", "berry", "dipole"}
        Both terms, or one of them.
    """

    symbol = "σ_in"
    long_name = "conserved spin conductivity, intrinsic part"
    sources = ("xiao2021",)
    occupations = ("sea", "surface")

    def __init__(self, Efermi=None, *, terms: str = "all", **kwargs):
        if terms not in ("all", "berry", "dipole"):
            raise InputError("terms", "'all', 'berry' or 'dipole'", repr(terms))
        self.selected_terms = terms
        self.occupations = {"all": ("sea", "surface"), "berry": ("sea",), "dipole": ("surface",)}[terms]
        super().__init__(Efermi, **kwargs)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        terms = []
        if self.selected_terms != "dipole":
            terms.append(Term("sea", band_geometry.berry_curvature_times_operator))
        if self.selected_terms != "berry":
            terms.append(Term("surface", band_geometry.dipole_velocity))
        return terms

    def parameters(self):
        return super().parameters() | {"terms": self.selected_terms}


class BerrySpinConductivity(Conductivity):
    r"""Band-structure part of the conserved spin conductivity in a metal, of pure Hall type (XN 15).

    .. math:: \sigma^{ils}_B = \sigma_{in} + \sigma_{dp} = e\int f\,\Omega s^{li}

    Every near crossing of occupied bands contributes: converges slowly with the k mesh.
    """

    symbol = "σ_B"
    long_name = "conserved spin conductivity, Berry-curvature part"
    sources = ("xiao2021",)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.berry_curvature_times_operator)]


class DipoleScatteringSpinConductivity(Conductivity):
    r"""Side-jump analogue that comes from scattering but does not depend on it.

    .. math:: \sigma^{ils}_{dp} = -e\int f\,\partial_{k_l}d^{is}
        = -e\int\left(-\frac{\partial f}{\partial\varepsilon}\right)d^{is}\bar v^l
    """

    symbol = "σ_dp"
    long_name = "conserved spin conductivity, dipole part from scattering"
    sources = ("xiao2021",)
    occupations = ("surface",)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("surface", -band_geometry.dipole_velocity)]


class ProperSpinConductivity(Conductivity):
    r"""Proper spin conductivity, with the spin of the other multiplets, for comparison with published numbers.

    .. math:: \sigma^{ils}_P = e\int f\,P^{ils},\quad P^{ils}_M = 2\,\mathrm{Im}\,\mathrm{tr}_M[A^i s_{in} A^l]

    (H. Ma et al., npj Spintronics 2 (2024), arXiv 2405.04581; J. H. Cullen et al., arXiv 2509.20436, eq. 7.)  s_in are the
    blocks of s inside multiplets.  Half of the sum with `BerrySpinConductivity` is the conventional conductivity of s_in,
    exactly so without external terms and with exactly degenerate multiplets.  Pairs of occupied bands cancel in that
    half, but not in the two that it is made of: like σ_B this converges slowly with the k mesh.
    """

    symbol = "σ_P"
    long_name = "proper spin conductivity"
    sources = ("ma2024", "cullen2025")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.proper_curvature)]


class KuboConservedSpinConductivity(Conductivity):
    r"""Conserved spin conductivity from the Kubo response at finite wave vector.

    .. math:: \sigma^{ils}_K = i e\,\partial_{q_i}X(q)|_{q=0},\quad
        X(q) = \int\sum_{n,m}\frac{f_n-f_m}{\varepsilon_n-\varepsilon_m}
        \langle n,k-\tfrac q2|s|m,k+\tfrac q2\rangle\langle m,k+\tfrac q2|v_l|n,k-\tfrac q2\rangle

    (n and m in different multiplets.)  By continuity this is the conventional plus the torque-dipole response of
    J. Shi et al., Phys. Rev. Lett. 96, 076604 (2006) and P. Zhang et al., Phys. Rev. B 77, 075304 (2008).  Evaluated in
    closed form, see `wb_conserved.geometry.kubo`.  Pairs of occupied bands cancel, so that it converges well with the
    k mesh and is continuous where crossings open.
    """

    symbol = "σ_K"
    long_name = "conserved spin conductivity, Kubo response"
    sources = ("shi2006", "zhang2008")
    occupations = ("sea", "surface")

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("sea", band_geometry.kubo_sea), Term("surface", band_geometry.kubo_surface)]


class DriftSpinConductivity(WithRelaxation, Conductivity):
    r"""Current of s carried by the shifted occupation, relaxation time t (XN 13).

    .. math:: \sigma^{ils}_{drift} = e\,t\int\left(-\frac{\partial f}{\partial\varepsilon}\right)
        \bar v^l\,\mathrm{tr}_M(v^i_M s_M)

    The blocks of v and s inside the multiplet: conventional current plus torque dipole.  Dissipative, so that its
    behaviour under time reversal is opposite to the intrinsic response.  For the identity it is the Ohmic conductivity.
    """

    symbol = "σ_drift"
    long_name = "spin conductivity of the shifted occupation"
    sources = ("xiao2021",)
    occupations = ("surface",)
    dissipative = True

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("surface", band_geometry.conserved_current_velocity)]
