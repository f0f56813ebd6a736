r"""What impurities add to the response to an electric field (XN 13–15), as quantities over Fermi levels and temperatures.

The equation of the distribution is solved at every energy of an axis by passes over k, see `wb_conserved.disorder`; a quantity
here is what becomes of its solution,

.. math:: e\int d\varepsilon\left(-\frac{\partial f}{\partial\varepsilon}\right)X(\varepsilon)

with X of a part of the current, in the units and with the signs of the clean response.  What scatters is an argument,
``disorder``, see `Scatterers`.  Of several concentrations results have an axis of them.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..units import HBAR_EV_FS, conductivity_factor, conductivity_unit, periodic_measure
from . import static
from .base import CONCENTRATION, FIELD, FLOW
from .occupied import OccupationCalculator, Term
from .scatterers import Scatterers, ShellSolution

CONSERVED, CONVENTIONAL = "conserved current with impurities", "conventional current with impurities"
_CURRENT = MappingProxyType({"i": FLOW, "l": FIELD})


class ImpurityQuantity(OccupationCalculator):
    """Base of what impurities make.

    Parameters
    ----------
    disorder : wb_conserved.disorder.Disorder
        The impurities and how they scatter.
    Efermi, kBT, ...
        See `OccupationCalculator`; at kBT = 0 `fermi_surface_width` is the default width of the energy shells, above it half of
        the lowest kBT.  With `tetra`, linear tetrahedra take the place of shells of a width.

    Attributes
    ----------
    family : str
        Current of which it is a part; together in tables and pictures.
    sum_of : tuple of str
        Names in the catalogue of the parts that it is the sum of.
    """

    occupations = ("surface",)
    needs_impurities = True
    sources = ("xiao2021",)
    merges: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    sum_of: ClassVar[tuple[str, ...]] = ()

    def __init__(self, Efermi, *, disorder: Scatterers | None = None, **kwargs):
        self.disorder = disorder
        self._solutions: tuple[ShellSolution, ...] = ()
        super().__init__(Efermi, **kwargs)
        if self.compute_components is not None:
            expected = "none for what impurities make, whose equation has all components"
            raise InputError("compute_components", expected, " ".join(self.compute_components))

    def make_statistics(self, scan):
        cold, own = scan.temperatures[0] == 0, self.disorder.width if self.disorder is not None else None
        if cold and self._width is None and not self.tetra:
            self._width = own
        statistics = super().make_statistics(scan)
        if self.tetra and own is None and self.disorder is not None:
            raise InputError("width", "a number > 0 (eV) with tetrahedra, the distance of nodes of the energy axis", "none")
        self.shell_width = own or (self.fermi_surface_width if cold else 0.5 * float(scan.temperatures.min()))
        return statistics

    def with_width(self, width: float) -> ImpurityQuantity:
        """The same with energy shells of another width, eV."""
        other = copy.copy(self)
        other.disorder, other.shell_width = self.disorder.with_width(width), width
        return other

    def __call__(self, data_K):
        raise TypeError(f"{type(self).__name__}: expected wb_conserved.run, found a run of WannierBerri")

    @property
    def _watched(self):
        """None: what it is made of are solutions, not sums over k points."""
        return ()

    def terms(self, band_geometry) -> list[Term]:
        """None of its own."""
        return []

    @property
    def further_axes(self):
        concentrations = self.disorder.concentrations if self.disorder is not None else None
        return {CONCENTRATION: np.array(concentrations)} if concentrations is not None else {}

    def requirements(self, system):
        if self.disorder is None:
            raise InputError("disorder", "what scatters, wb_conserved.disorder.Disorder([Impurity(...)])", "none")
        space = {
            "operator": self.operator, "degen_thresh": self.degen_thresh, "degen_Kramers": bool(self.degen_Kramers),
            "kwargs_formula": {"external_terms": self.external_terms},
        }  # fmt: skip
        scan = self._provisional_scan()
        solvers = self.disorder.solvers(system, scan, self.shell_width, space, self.electrons, self.tetra)
        return super().requirements(system) | {f"solution {number}": solver for number, solver in enumerate(solvers)}

    def with_results(self, results, provisional=False):
        known = copy.copy(super().with_results(results, provisional))
        found = [value for name, value in results.items() if name.startswith("solution")]
        scan = known.statistics.scan_axes
        known._solutions = tuple(
            self.disorder.solution(value, number, scan, self.shell_width) for number, value in enumerate(found)
        )
        return known

    def accumulate(self, states, weight=1.0, out=None):
        return {}

    def finalize(self, values, system):
        return self._energy_result(self.data(values, system), system)

    @abstractmethod
    def data(self, values: Mapping[str, np.ndarray], system) -> np.ndarray:
        """Its data (*scan, ...), see `finalize`."""

    def on_scan(self, per_node: Callable[[ShellSolution], np.ndarray]) -> np.ndarray:
        """∫dε (−∂f/∂ε) X(ε) over the scan for X (node, ...), of every concentration."""
        parts = []
        for solution in self._solutions:
            X = per_node(solution)

            def of_levels(kBT, levels, X=X, axis=solution.axis):
                return np.tensordot(axis.surface_weights(levels, kBT), X, axes=1)

            parts.append(self.statistics.scan_axes.collect(of_levels))
        return np.stack(parts, axis=len(self.statistics.scan)) if self.further_axes else parts[0]

    def current(self, part: str, system) -> np.ndarray:
        """A part of the current (*scan, i, l[, s]) in the units of the clean response."""
        data = conductivity_factor(system) * self.on_scan(lambda solution: np.moveaxis(solution.currents[part], 1, 2))
        return data[..., 0] if self.operator.rank == 0 else data

    def charge(self, system) -> np.ndarray:
        """Conductivity of charge (*scan, i, l)."""
        return -conductivity_factor(system) * self.on_scan(lambda solution: np.moveaxis(solution.currents["charge"], 1, 2))

    def means(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number, rate and speed of the states at the level, summed, over the scan; NaN in the place of no states."""
        states, rate, speed = (
            self.on_scan(lambda solution, name=name: getattr(solution, name)) for name in ("states", "rate", "speed")
        )
        return np.where(states > 0, states, np.nan), np.where(rate > 0, rate, np.nan), speed

    def parameters(self):
        scattering = self.disorder.parameters() if self.disorder is not None else {}
        return super().parameters() | {"shell_width_eV": float(self.shell_width)} | scattering

    def findings(self) -> dict[str, Any]:
        """Largest residuals, and the limits of what is solved."""
        names = self._solutions[0].residuals if self._solutions else ()
        found: dict[str, Any] = {
            f"residual_{name}": max(solution.residuals[name] for solution in self._solutions) for name in names
        }
        return found | {"limits": "\n".join(self.disorder.limits)}

    def doubts(self):
        return list(dict.fromkeys(solution.cutoff for solution in self._solutions if solution.cutoff))


class ImpurityCurrent(ImpurityQuantity):
    """Base of the parts of the current.

    Attributes
    ----------
    part : str
        Its name in `ShellSolution.currents`.
    """

    axes = _CURRENT
    remark = "sign as in postw90"
    family = CONSERVED
    part: ClassVar[str]

    def unit(self, dimension):
        return conductivity_unit(dimension, self.operator.unit)

    def data(self, values, system):
        return self.current(self.part, system)


class ImpurityDrift(ImpurityCurrent):
    r"""Current of s that the shifted occupation carries, :math:`\mathrm{Re}\,\mathrm{tr}[g^l\,\tfrac12\{v^i,s\}]` with blocks
    of v and s inside multiplets (XN 13); of order 1/c.  Beyond Born order it contains skew scattering."""

    symbol, long_name, part = "σ_c", "shifted occupation (XN 13)", "drift"


class ImpuritySkew(ImpurityCurrent):
    r"""Part of the drift: with the rates TFT†, minus with symmetrised ones, ½(TFT† + T†FT)."""

    symbol, long_name, part = "σ_skew", "part of it: skew scattering beyond Born order", "skew"


class ImpuritySideJump(ImpurityCurrent):
    r"""Dipole that a collision moves (XN 14), :math:`2\pi c\{-\mathrm{Im\,Tr}[W X^{is} W F^l] - \mathrm{Im\,Tr}[WAW
    Y^{ils}]\}`; of order 1."""

    symbol, long_name, part = "σ_sj", "side jump (XN 14)", "side_jump"


class ImpurityAnomalousDistribution(ImpurityCurrent):
    """Current of what side jumps leave in the distribution; of order 1."""

    symbol, long_name, part = "σ_ad", "anomalous distribution", "anomalous_distribution"


class ImpurityGaussianSkew(ImpurityCurrent):
    """Skew scattering of second order in cW², without crossing diagrams; of order 1."""

    symbol, long_name, part = "σ_gs", "Gaussian skew scattering", "gaussian_skew"


class _OfConventional(ImpurityCurrent):
    """Base of the same parts of the conventional current ½{v, s}."""

    family = CONVENTIONAL


class ConventionalImpurityDrift(_OfConventional):
    r"""Conventional current of the shifted occupation, :math:`\mathrm{tr}[g^lJ^{is}_M]`."""

    symbol, long_name, part = "σ_conv,c", "shifted occupation, ½{v, s}", "conventional_drift"


class ConventionalImpuritySkew(_OfConventional):
    """Part of that: see `ImpuritySkew`."""

    symbol, long_name = "σ_conv,skew", "part of it: skew scattering, ½{v, s}"
    part = "conventional_skew"


class ConventionalImpuritySideJump(_OfConventional):
    r"""As `ImpuritySideJump`, with :math:`\delta_{J^{is}}U` in the place of :math:`D_iU\,s`."""

    symbol, long_name, part = "σ_conv,sj", "side jump, ½{v, s}", "conventional_side_jump"


class ConventionalImpurityAnomalousDistribution(_OfConventional):
    """Conventional current of what side jumps leave in the distribution."""

    symbol, long_name = "σ_conv,ad", "anomalous distribution, ½{v, s}"
    part = "conventional_anomalous_distribution"


class ConventionalImpurityGaussianSkew(_OfConventional):
    """Conventional current of Gaussian skew scattering."""

    symbol, long_name = "σ_conv,gs", "Gaussian skew scattering, ½{v, s}"
    part = "conventional_gaussian_skew"


class _Total(ImpurityCurrent):
    """Base of a clean response with all that impurities add; the other base is the clean one."""

    occupations = ("sea", "surface")
    added: ClassVar[tuple[str, ...]]

    @property
    def merges(self):
        return OccupationCalculator.merges.fget(self)

    def accumulate(self, states, weight=1.0, out=None):
        return OccupationCalculator.accumulate(self, states, weight, out)

    def data(self, values, system):
        clean = self.weighed(values, system)
        clean = np.expand_dims(clean, len(self.statistics.scan)) if self.further_axes else clean
        return clean + sum(self.current(part, system) for part in self.added)


class ImpurityTotal(_Total, static.BerrySpinConductivity):
    r"""Conserved current with impurities: :math:`\sigma_{in}+\sigma_{dp}` (which is :math:`\sigma_B`, XN 15), drift, side jump,
    anomalous distribution and Gaussian skew scattering."""

    symbol, long_name = "σ_total", "conserved current, σ_B and all parts"
    added = ("drift", "side_jump", "anomalous_distribution", "gaussian_skew")
    sum_of = ("berry", *(f"impurity_{part}" for part in added))
    terms = static.BerrySpinConductivity.terms


class ConventionalImpurityTotal(_Total, static.ConventionalSpinConductivity):
    r"""Conventional current with impurities: :math:`\sigma_{conv}` and the parts of ½{v, s}."""

    symbol, long_name = "σ_conv,total", "conventional current, σ_conv and all parts"
    family = CONVENTIONAL
    added = tuple(f"conventional_{part}" for part in ImpurityTotal.added)
    sum_of = ("conventional", *(f"impurity_{part}" for part in added))
    terms = static.ConventionalSpinConductivity.terms


class HallAngle(ImpurityTotal):
    r"""Total conductivity of s over that of charge along the field, :math:`\sigma^{ils}_{total}/\sigma^{ll}_{charge}`, times
    2|e|/ħ for an angular momentum, as usual, and |e| for others."""

    symbol, long_name = "θ_H", "Hall angle, total over conductivity of charge"
    family, remark, sum_of = "", "", ()
    may_be_undefined = True

    def unit(self, dimension):
        return {"ħ": "1", "": "1"}.get(self.operator.unit, self.operator.unit)

    def data(self, values, system):
        charge = np.diagonal(self.charge(system), axis1=-2, axis2=-1)[..., None, :]  # *scan 1 l
        total = super().data(values, system)
        charge = charge[..., None] if self.operator.rank else charge
        factor = 2 if self.operator.unit == "ħ" else 1
        along = np.linalg.norm(np.asarray(system.real_lattice)[np.asarray(system.periodic, dtype=bool)], axis=0) > 0
        along = along[:, None] if self.operator.rank else along  # l[, s]
        angle = factor * total / np.where(charge == 0, np.nan, charge)
        return np.where(along, angle, 0.0)


class _Scalar(ImpurityQuantity):
    """Base of what has no component of the observable."""

    axes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    shown = ""
    may_be_undefined = True

    @property
    def cartesian_axes(self):
        return self.axes

    def parameters(self):
        return {name: value for name, value in super().parameters().items() if name != "operator"}


class ImpurityCharge(_Scalar):
    """Conductivity of charge of the shifted occupation, −e² ∫dε (−∂f/∂ε) Σ w tr[g^l v^i]."""

    symbol, long_name = "σ_charge", "conductivity of charge"
    axes, shown = _CURRENT, "xx"
    may_be_undefined = False

    def unit(self, dimension):
        return conductivity_unit(dimension, "").removeprefix("(1/|e|) ")

    def data(self, values, system):
        return self.charge(system)


class ImpurityLifetime(_Scalar):
    """ħ over the mean rate of the states at the level."""

    symbol, long_name = "t", "lifetime"

    def unit(self, dimension):
        return "fs"

    def data(self, values, system):
        states, rate, _ = self.means()
        return HBAR_EV_FS * states / rate


class ImpurityMeanFreePath(_Scalar):
    """Mean speed of the states at the level times the lifetime."""

    symbol, long_name = "λ", "mean free path"

    def unit(self, dimension):
        return "nm"

    def data(self, values, system):
        _, rate, speed = self.means()
        return 0.1 * speed / rate  # Å eV / eV


class ResidualResistivity(_Scalar):
    """Mean of the diagonal of the inverse of the conductivity of charge, over the concentration in percent of cells."""

    symbol, long_name = "ρ", "residual resistivity"

    def unit(self, dimension):
        return {3: "μΩ cm", 2: "Ω", 1: "Ω/cm"}[dimension] + " per percent"

    def data(self, values, system):
        sigma, dimension = self.charge(system), periodic_measure(system)[0]
        resistivity = np.trace(np.linalg.pinv(0.5 * (sigma + sigma.swapaxes(-1, -2))), axis1=-2, axis2=-1) / dimension
        percent = 100 * np.array([solution.concentration for solution in self._solutions])
        metallic = np.trace(sigma, axis1=-2, axis2=-1) > 0
        found = (1e6 if dimension == 3 else 1.0) * resistivity / (percent if self.further_axes else percent[0])
        return np.where(metallic, found, np.nan)


class OriginDependence(OccupationCalculator):
    r"""What the side jump changes by where the origin r_0 of an impurity is moved, per length (theory of the side jump, XN 14).

    .. math:: \frac{\partial\sigma^{ils}_{sj}}{\partial r_0^j} = \delta_{ij}\,e\int f\,\partial_{k_l}s
        = \delta_{ij}\,e\int\left(-\frac{\partial f}{\partial\varepsilon}\right)\bar v^l s_M

    The scattering torque that balances the intrinsic one; it vanishes with inversion, and where [H, s] = 0.  The definition of
    the current leaves it open, and so is a measure of how much of the side jump is.  In Born order it is exact; magnetic
    potentials in degenerate multiplets have a further term, −r_0^i Σ w tr(s i[h, g]), where their first order is kept in h.
    """

    symbol = "∂σ_sj"
    long_name = "change of σ_sj along i per Å that the impurity's origin moves along i (scattering torque)"
    axes: ClassVar[Mapping[str, str]] = MappingProxyType({"l": FIELD})
    occupations = ("surface",)
    force = "electric field"
    sources = ("xiao2021",)
    odd_under_inversion = True
    shown, pictured = "xx", False

    def terms(self, band_geometry):
        return [Term("surface", band_geometry.expectation_velocity)]

    def unit(self, dimension):
        return f"{super().unit(dimension)} / Å"
