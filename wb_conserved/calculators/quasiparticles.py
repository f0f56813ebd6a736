"""What superconductors are looked at with, and electrons too: thermal Hall effect, spin current of a Zeeman gradient, specific
heat, smallest energy.

All are of the bands of any system; those of Bogoliubov quasiparticles count with the weight of the basis, see
`wb_conserved.quasiparticles`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.constants import Boltzmann, hbar
from wannierberri.result import EnergyResult

from ..errors import InputError
from ..interpolation import states_of
from ..interpolation.names import GAP_RATE
from ..units import periodic_measure
from .band_geometry import BandGeometry
from .base import FLOW, OBSERVABLE
from .contract import Merge
from .occupied import NoObservable, OccupationCalculator, States, Term

_SMALLEST = "smallest"


class ThermalHallConductivity(NoObservable):
    r"""Thermal Hall conductivity over temperature, :math:`\kappa^{il}/T`, tensor [Efermi, i, l].

    .. math:: \kappa^{il} = \frac1T\int d\varepsilon\,(\varepsilon-\mu)^2\left(-\frac{\partial f}{\partial\varepsilon}\right)
        \sigma_\Omega(\varepsilon),\quad \sigma_\Omega(\varepsilon) = \int\theta(\varepsilon-\varepsilon_n)\,\Omega^{li}_n

    (T. Qin, Q. Niu and J. Shi, Phys. Rev. Lett. 107, 236601 (2011); H. Sumiyoshi and S. Fujimoto, J. Phys. Soc. Jpn. 82, 023602
    (2013).)  A sheet in π²k_B²/3h: −C for filled bands of Chern number C, half of that in the basis "nambu", whose bands are
    Majorana.  kBT = 0: the limit T → 0.
    """

    sources = ("qin2011",)
    symbol = "κ/T"
    long_name = "thermal Hall conductivity over temperature"
    axes: Mapping[str, str] = MappingProxyType({"i": FLOW, "l": "direction of the temperature gradient"})
    shown = "xy"
    occupations = ("thermal_sea",)

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        return [Term("thermal_sea", band_geometry.berry_curvature_times_operator)]

    def factor(self, system):
        dimension, measure = periodic_measure(system)
        if dimension == 2:
            return 6 / np.pi / measure  # k_B²/ħ over π²k_B²/3h
        return Boltzmann**2 / hbar * 1e-10 ** (2 - dimension) / measure

    def unit(self, dimension):
        return {3: "W/(K² m)", 2: "π²k_B²/3h", 1: "W m/K²"}[dimension]


class ZeemanSpinConductivity(OccupationCalculator):
    r"""Conventional current of s along i for a gradient along l of a field B that couples to s, H − B·s, tensor
    [Efermi, i, l, b, s], b the component of B.

    .. math:: \sigma^{ilbs} = \int f\,\Omega^{ilbs},\quad
        \Omega^{ilbs}_M = -2\,\mathrm{Im}\sum_{n\in M,m\notin M}
        \frac{J^{lb}_{nm}J^{is}_{mn}}{(\varepsilon_n-\varepsilon_m)^2}

    (T. Senthil, J. B. Marston and M. P. A. Fisher, Phys. Rev. B 60, 4245 (1999), for superconductors that conserve s.)  B in
    units of energy over s; a sheet in ħ/8π for s = σ/2, quantised as −C for singlet superconductors of Chern number C.
    """

    sources = ("senthil1999",)
    symbol = "σ_Z"
    long_name = "spin conductivity of a Zeeman gradient"
    axes: Mapping[str, str] = MappingProxyType({"i": FLOW, "l": "direction of the gradient"})
    shown = "xyzz"
    force = "Zeeman gradient"

    @property
    def odd_under_time_reversal(self):
        """As a Berry curvature, since s enters twice."""
        return True

    @property
    def cartesian_axes(self):
        of_field = {"b": "component of the field", "s": OBSERVABLE} if self.operator.rank else {}
        return MappingProxyType({**self.axes, **of_field})

    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        curvature = band_geometry.curvature_of_currents
        return [Term("sea", curvature if self.operator.rank else curvature[..., 0])]

    def factor(self, system):
        return 8 * np.pi / periodic_measure(system)[1]

    def unit(self, dimension):
        own = {"ħ": "ħ", "": "1/ħ"}.get(self.operator.unit, f"({self.operator.unit})²/ħ")
        length = {3: "/(8π Å)", 2: "/8π", 1: " Å/8π"}[dimension]
        return f"{own}{length}"


class SpecificHeat(States):
    r"""Specific heat per cell in k_B, of the entropy S of the bands,

    .. math:: \frac{C}{k_B} = \frac{T}{k_B}\frac{dS}{dT} = \sum_n\int x_n\left(x_n - \frac{\partial\varepsilon_n}{\partial k_BT}
        \right)\left(-\frac{\partial f}{\partial x}\right),\quad x = \frac{\varepsilon-\mu}{k_BT},

    at a fixed level.  The second term, :math:`\partial\varepsilon_n = \langle n|\partial H|n\rangle`, where H depends on
    temperature, as with a gap that closes.
    """

    symbol = "C"
    long_name = "specific heat"
    occupations = ("heat_capacity", "entropy_surface")

    def __init__(self, Efermi=None, *, kBT, **kwargs):
        super().__init__(Efermi, kBT=kBT, **kwargs)

    def make_statistics(self, scan):
        if scan.temperatures.min() == 0:
            raise InputError("kBT", "a number > 0 (eV) for a specific heat", f"{scan.temperatures.min():g}")
        return super().make_statistics(scan)

    def terms(self, band_geometry):
        terms = [Term("heat_capacity", np.ones((*band_geometry.energies.shape, 1)))]
        if band_geometry.batch.has_matrix(GAP_RATE):
            rate = np.einsum("knn->kn", band_geometry.batch.matrix(GAP_RATE)).real
            terms.append(Term("entropy_surface", -float(np.ravel(self.kBT)[0]) * rate[..., None]))
        return terms

    def unit(self, dimension):
        return "k_B per cell"


@dataclass(frozen=True)
class _Smallest(Merge):
    """The smaller one of each element."""

    def __call__(self, left, right):
        return np.minimum(left, right, out=left)


class SmallestResult(EnergyResult):
    """`EnergyResult` whose sum is the smaller one, and which numbers do not change."""

    def __mul__(self, number):
        return super().__mul__(1.0)

    def __add__(self, other):
        found = super().__add__(other)
        if isinstance(other, SmallestResult):
            found.data = np.minimum(self.data, other.data)
        return found


class SmallestEnergy(States):
    """Smallest distance of a band from the level on the k mesh, eV: of a superconductor the gap, as the mesh sees it."""

    symbol = "E_min"
    any_level = True
    long_name = "smallest distance of a band from the level"
    merges: Mapping[str, Merge] = MappingProxyType({_SMALLEST: _Smallest()})

    def accumulate(self, states, weight=1.0, out=None):
        """Smallest distance from each level (level,); weights do not enter."""
        self.check_levels(states.system)
        levels = self._known_statistics().scan_axes.levels
        for band_geometry in self.band_geometries(states):
            distance = np.abs(band_geometry.energies.reshape(-1, 1) - levels).min(axis=0)
            out = {_SMALLEST: distance if out is None else np.minimum(out[_SMALLEST], distance)}
        return out

    def finalize(self, values, system):
        scan_axes = self.statistics.scan_axes
        of_level = dict(zip(scan_axes.levels.tolist(), values[_SMALLEST].tolist(), strict=True))
        data = scan_axes.collect(lambda kBT, levels: np.array([of_level[level] for level in levels.tolist()]))
        scan = self.statistics.scan
        return SmallestResult(
            list(scan.values()), data, E_titles=list(scan), transformTR=self.transform_time_reversal,
            transformInv=self.transform_inversion, comment=f"{self.comment}\nunit eV", save_mode=self.save_mode,
        )  # fmt: skip

    def scatter(self, values, system, pointgroup, number):
        """None: it is no sum."""
        return None

    def unit(self, dimension):
        return "eV"

    def __call__(self, data_K):
        return self.finalize(self.accumulate(states_of(data_K)), data_K.system)
