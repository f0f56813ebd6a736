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

import numpy as np
from scipy.special import expit

from ..occupations import Occupation
from ..units import BOLTZMANN_EV
from . import static
from .band_geometry import BandGeometry
from .base import OccupationCalculator, Term

_MOTT_NODES_PER_KT = 32
_MOTT_REACH = 40  # in units of kBT
_ENTROPY = {"sea": "entropy", "surface": "entropy_surface"}


class _Nernst(OccupationCalculator):
    """Temperature-gradient counterpart of a static conductivity.

    Parameters
    ----------
    method : {"entropy", "mott"}
    """

    conductivity: type[OccupationCalculator]

    def __init__(self, Efermi, *, kBT: float, method: str = "entropy", **kwargs):
        if not kBT > 0:
            raise ValueError(f"kBT: expected a number > 0 (eV) for a response to a temperature gradient, found {kBT!r}")
        if method not in ("entropy", "mott"):
            raise ValueError(f"method: expected 'entropy' or 'mott', found {method!r}")
        self.method = method
        occupations = self.conductivity.occupations
        self.occupations = occupations if method == "mott" else tuple(_ENTROPY[name] for name in occupations)
        super().__init__(Efermi, kBT=kBT, **kwargs)
        if method == "mott":
            self.occupation = _mott_scan(self.Efermi, self.kBT)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        terms = self.conductivity.terms(self, band_geometry)
        if self.method == "mott":
            return terms
        return [Term(_ENTROPY[term.occupation], term.values) for term in terms]

    def weigh(self, spectrum):
        sums = super().weigh(spectrum)
        if self.method == "entropy":
            return sums
        # (1/kT) ∫dε (−∂f/∂ε)(ε − μ) σ(ε), trapezoidal on the scan of σ
        scan = self.occupation.fermi_levels
        x = (scan - self.Efermi[:, None]) / self.kBT
        weights = x * expit(x) * expit(-x) * (scan[1] - scan[0]) / self.kBT
        return np.tensordot(weights, sums, axes=1)

    def factor(self, system):
        return -BOLTZMANN_EV * super().factor(system)  # 1/e = −1/|e|

    def unit(self, dimension):
        return super().unit(dimension).replace("S", "A").replace("A/cm", "A/(cm K)").replace("A cm", "A cm/K") + (
            "/K" if dimension == 2 else ""
        )

    def parameters(self):
        return super().parameters() | {"method": self.method}


def _mott_scan(fermi_levels, kBT):
    spacing = kBT / _MOTT_NODES_PER_KT
    margin = _MOTT_REACH * kBT
    levels = np.arange(fermi_levels.min() - margin, fermi_levels.max() + margin + spacing, spacing)
    return Occupation(levels, 0.0, spacing)


class ConservedSpinNernst(_Nernst):
    r"""Conserved spin Nernst conductivity, intrinsic (XN): α of `static.ConservedSpinConductivity`.

    .. math:: \alpha^{ils}_{in} = -\int\frac{\partial g}{\partial T}\,(\Omega s^{li} + \partial_{k_l}d^{is})
    """

    symbol = "α_in"
    long_name = "conserved spin Nernst conductivity, intrinsic"
    conductivity = static.ConservedSpinConductivity
    selected_terms = "all"


class ConventionalSpinNernst(_Nernst):
    r"""Conventional spin Nernst conductivity: α of `static.ConventionalSpinConductivity`.

    .. math:: \alpha^{ils}_{conv} = -\int\frac{\partial g}{\partial T}\,\Omega^{lis}
    """

    symbol = "α_conv"
    long_name = "conventional spin Nernst conductivity"
    conductivity = static.ConventionalSpinConductivity
    spin_current = "projected"


class KuboConservedSpinNernst(_Nernst):
    r"""Conserved spin Nernst conductivity from the Kubo response, by the Mott relation from σ_K.

    .. math:: \alpha_K = \frac{1}{eT}\int d\varepsilon\left(-\frac{\partial f}{\partial\varepsilon}\right)
        (\varepsilon-\mu)\,\sigma_K(\varepsilon, T=0)
    """

    symbol = "α_K"
    long_name = "conserved spin Nernst conductivity, Kubo"
    conductivity = static.KuboConservedSpinConductivity
