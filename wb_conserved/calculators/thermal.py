r"""Response of the current of s along i to a temperature gradient along l, :math:`J = -\alpha\,\nabla T`.

.. math:: \alpha = -\int\frac{\partial g}{\partial T}\,(\ldots)
    = \frac{1}{eT}\int d\varepsilon\left(-\frac{\partial f}{\partial\varepsilon}\right)(\varepsilon-\mu)\,
    \sigma(\varepsilon, T=0)

(C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021), "XN"), e = −|e|, kBT > 0.  The first form weights every multiplet
with its entropy (``method="entropy"``), the second is the Mott relation, a convolution of the conductivity at T = 0
(``method="mott"``), which is done numerically on a scan of its own, and serves as a check.  Tensor [Efermi, i, l, s] in
(ħ/|e|) A/(cm K) for spin s = σ/2, per sheet in two dimensions.  Other arguments: `OccupationCalculator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from ..errors import InputError
from ..occupations import Mott
from ..units import BOLTZMANN_EV, nernst_unit
from . import static
from .band_geometry import BandGeometry
from .base import FLOW
from .occupied import OccupationCalculator, Term
from .relaxation import WithRelaxation

_ENTROPY = {"sea": "entropy", "surface": "entropy_surface"}
"""Weight of a response to a temperature gradient for that of the response to a field."""

METHODS = ("entropy", "mott")


class _Nernst(OccupationCalculator):
    """Temperature-gradient counterpart of a static conductivity.

    Parameters
    ----------
    method : {"entropy", "mott"}
    """

    conductivity: type[OccupationCalculator]
    axes: ClassVar[Mapping[str, str]] = MappingProxyType({"i": FLOW, "l": "direction of the temperature gradient"})

    force = "temperature gradient"
    companion = "α_K"

    def __init__(self, Efermi=None, *, kBT, method: str = "entropy", **kwargs):
        if method not in METHODS:
            raise InputError("method", "'entropy' or 'mott'", repr(method))
        self.method = method
        self.occupations = tuple(_ENTROPY[name] for name in self.conductivity.occupations)
        super().__init__(Efermi, kBT=kBT, **kwargs)

    def make_statistics(self, scan):
        if scan.temperatures.min() == 0:
            expected = "a number > 0 (eV) for a response to a temperature gradient"
            raise InputError("kBT", expected, f"{scan.temperatures.min():g}")
        statistics = super().make_statistics(scan)
        return Mott(scan) if self.method == "mott" else statistics

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        terms = self.conductivity.terms(self, band_geometry)
        return [Term(_ENTROPY[term.weight], term.values) for term in terms]

    def factor(self, system):
        return -BOLTZMANN_EV * super().factor(system)  # 1/e = −1/|e|

    def unit(self, dimension):
        return nernst_unit(dimension, self.operator.unit)

    def parameters(self):
        return super().parameters() | {"method": self.method}


class ConservedSpinNernst(_Nernst):
    r"""Conserved spin Nernst conductivity, intrinsic (XN): α of `static.ConservedSpinConductivity`.

    .. math:: \alpha^{ils}_{in} = -\int\frac{\partial g}{\partial T}\,(\Omega s^{li} + \partial_{k_l}d^{is})
    """

    symbol = "α_in"
    long_name = "conserved spin Nernst conductivity, intrinsic part"
    sources = ("xiao2021",)
    conductivity = static.ConservedSpinConductivity
    selected_terms = "all"


class ConventionalSpinNernst(_Nernst):
    r"""Conventional spin Nernst conductivity: α of `static.ConventionalSpinConductivity`.

    .. math:: \alpha^{ils}_{conv} = -\int\frac{\partial g}{\partial T}\,\Omega^{lis}
    """

    symbol = "α_conv"
    long_name = "conventional spin Nernst conductivity"
    sources = ("sinova2004", "xiao2021")
    conductivity = static.ConventionalSpinConductivity
    spin_current = "projected"


class DriftSpinNernst(WithRelaxation, _Nernst):
    r"""Current of s carried by the shifted occupation in a temperature gradient, relaxation time t: α of
    `static.DriftSpinConductivity`, the spin Seebeck effect of magnons.

    .. math:: \alpha^{ils}_{drift} = t\int\frac{\partial f}{\partial T}\,\bar v^l\,\mathrm{tr}_M(v^i_M s_M)

    (δf = −t v̄·∇T ∂f/∂T.)  Behaves oppositely to the intrinsic response under time reversal.

    Parameters
    ----------
    relaxation_time : float, optional
        In fs.  Default: the result is per fs.
    """

    symbol = "α_drift"
    sources = ("xiao2021",)
    long_name = "drift spin Nernst conductivity"
    conductivity = static.DriftSpinConductivity
    dissipative = True


class KuboConservedSpinNernst(_Nernst):
    r"""Conserved spin Nernst conductivity from the Kubo response, by the Mott relation from σ_K.

    .. math:: \alpha_K = \frac{1}{eT}\int d\varepsilon\left(-\frac{\partial f}{\partial\varepsilon}\right)
        (\varepsilon-\mu)\,\sigma_K(\varepsilon, T=0)
    """

    symbol = "α_K"
    long_name = "conserved spin Nernst conductivity, Kubo response"
    force = "electric field"  # by the Mott relation
    sources = ("shi2006", "zhang2008", "xiao2021")
    conductivity = static.KuboConservedSpinConductivity
