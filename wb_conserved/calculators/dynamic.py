r"""Response of the current of s along i to an electric field along l at a frequency ω, with a broadening η of the levels.

Complex, tensor [Efermi, ω, i, l, s], e = −|e|, in the units of `static`, whose results these are at ω = η = 0.  The part that
keeps its sign when time is reversed (for a spin current; ``reversal="even"``, as other codes have it) and the part that changes
it, which only magnets have, are separate: symmetry treats them differently.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import geometry
from ..errors import InputError
from ..geometry.dynamic import PARTS
from .band_geometry import BandGeometry
from .band_quantities import Quantity, spin_current
from .base import FREQUENCY
from .occupied import OccupationCalculator, Term, is_positive
from .static import ConventionalSpinConductivity, KuboConservedSpinConductivity


class _Dynamic(OccupationCalculator):
    """A conductivity over frequencies.

    Parameters
    ----------
    omega : float or sequence of float
        Frequencies ħω, eV.
    eta : float
        Broadening η, eV.
    reversal : {"even", "odd"}
        Part that keeps or changes its sign under time reversal, for a spin current.
    """

    force = "electric field"

    def __init__(
        self, Efermi=None, *, omega: float | Sequence[float] = 0.0, eta: float = 0.05, reversal: str = "even", **kwargs
    ):
        values = np.atleast_1d(np.asarray(omega, dtype=float))
        if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
            raise InputError("omega", "a number or several, finite (eV)", repr(omega))
        if not (is_positive(eta) or eta == 0) or isinstance(eta, bool):
            raise InputError("eta", "a number >= 0 (eV)", repr(eta))
        if reversal not in PARTS:
            raise InputError("reversal", "'even' or 'odd'", repr(reversal))
        self.omega, self.eta, self.reversal = values, float(eta), reversal
        super().__init__(Efermi, **kwargs)

    @property
    def dissipative(self):
        """Whether the result behaves under time reversal as a dissipative response."""
        return self.reversal == "odd"

    @property
    def _watched(self):
        return ()

    @property
    def frequencies(self) -> np.ndarray:
        """w = ω + iη, eV."""
        return self.omega + 1j * self.eta

    def _factors(self, band_geometry, energies):
        """Factors a, b, c for some energies, remembered."""
        same = band_geometry.multiplets.same
        return geometry.frequency_factors(energies, same, self.frequencies, self.reversal)

    def _key(self, name):
        return f"{name} at {self.omega.tobytes().hex()} {self.eta} {self.reversal}"

    @property
    def further_axes(self):
        return {FREQUENCY: self.omega}

    def arrange_terms(self, data):
        """Complex numbers from their parts, the axis after that of frequencies."""
        real, imaginary = np.moveaxis(data, len(self.statistics.scan) + 1, 0)
        return real + 1j * imaginary

    def parameters(self):
        return super().parameters() | {"broadening_eV": self.eta, "time_reversal": self.reversal}


def _as_parts(values):
    """Complex numbers (k, n, w, ...) as real ones (k, n, w, 2, ...)."""
    return np.stack([values.real, values.imag], axis=3)


class DynamicConventionalSpinConductivity(_Dynamic, ConventionalSpinConductivity):
    r"""Conventional spin conductivity at a frequency.

    .. math:: \sigma^{ils}_{conv}(\omega) = e\int f\,\Big(-2\,\mathrm{Im}\sum_{n\in M,m\notin M}
        \frac{v^l_{nm}J^{is}_{mn}}{(\varepsilon_n-\varepsilon_m)^2-(\omega+i\eta)^2}\Big)

    (J. Qiao et al., Phys. Rev. B 98, 214402 (2018), eq. 1; Im is that of the matrix elements.)  Equals WannierBerri's
    ``dynamic.SHC`` and postw90's ``shc_freq_scan`` with a fixed width.  For the identity ``reversal="odd"`` is the optical
    conductivity between bands.
    """

    symbol = "σ_conv(ω)"
    long_name = "conventional spin conductivity at ω"

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        def compute(g):
            current = spin_current(g, self.spin_current)
            *_, c = self._factors(g, g.energies)
            return _as_parts(geometry.dynamic_curvature(g.velocity, current, c, self.reversal))

        quantity = Quantity(compute, grouping=True, per_band=True)
        return [Term("sea", band_geometry.quantity(quantity, self._key(f"curvature {self.spin_current}")))]


class DynamicKuboConservedSpinConductivity(_Dynamic, KuboConservedSpinConductivity):
    r"""Conserved spin conductivity from the Kubo response at a frequency.

    .. math:: \sigma^{ils}_K(\omega) = i e\,\partial_{q_i}X(q,\omega)|_{q=0},\quad
        X(q,\omega) = \int\sum_{n,m}\frac{f_n-f_m}{\varepsilon_n-\varepsilon_m+\omega+i\eta}
        \langle n,k-\tfrac q2|s|m,k+\tfrac q2\rangle\langle m,k+\tfrac q2|v_l|n,k-\tfrac q2\rangle

    (n and m in different multiplets), from continuity as `static.KuboConservedSpinConductivity`; what flows into and out of a
    uniform accumulation is left out.
    """

    symbol = "σ_K(ω)"
    long_name = "conserved spin conductivity at ω, Kubo"

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        def compute(g):
            factors = self._factors(g, g.multiplets.energies)
            sea, surface = geometry.dynamic_kubo(
                g.velocity, g.operator, g.connection, g.mean_velocity, factors, self.reversal, metric=g.metric
            )
            return np.stack([_as_parts(sea), _as_parts(surface)], axis=2)

        quantity = Quantity(compute, grouping=True, per_band=True)
        both = band_geometry.quantity(quantity, self._key("Kubo"))
        return [Term("sea", both[:, :, 0]), Term("surface", both[:, :, 1])]
