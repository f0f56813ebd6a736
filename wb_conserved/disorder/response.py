"""The response of a crystal with impurities: every part of the conserved and of the conventional current, in one call."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from wannierberri.result import EnergyResult

from ..calculators import static
from ..calculators.base import FIELD, FLOW, GeometryCalculator
from ..calculators.contract import Accumulating
from ..driver.run import run
from ..errors import InputError
from ..occupations import Scan, fermi_statistics
from ..operators import Operator
from ..results.dataset import RunResult
from ..units import HBAR_EV_FS, conductivity_factor, conductivity_unit, periodic_measure
from .energy_axis import EnergyAxis
from .impurities import Impurity
from .passes import Distribution, Problem, SkewSums, energy_range
from .scattering import ORDERS, Kind

_LARGEST = 2**31
"""Bytes of the tensors of all nodes, beyond which `large` has to be set."""
_CURRENT = MappingProxyType({"i": FLOW, "l": FIELD})


@dataclass(frozen=True)
class Part:
    """A part of the response.

    Attributes
    ----------
    symbol, long_name : str
    current : str
        Its name in `wb_conserved.disorder.passes.Distribution.currents`.
    """

    symbol: str
    long_name: str
    current: str


def _both(parts):
    """The parts of the conserved and of the conventional current."""
    found = {}
    for name, (symbol, long_name, current) in parts.items():
        found[f"impurity_{name}"] = Part(symbol, long_name, current)
    for name, (symbol, long_name, current) in parts.items():
        found[f"impurity_conventional_{name}"] = Part(
            f"{symbol}^conv", f"{long_name}, conventional", f"conventional_{current}"
        )
    return found


PARTS = _both(
    {
        "drift": ("σ_c", "shifted occupation (XN 13)", "drift"),
        "skew": ("σ_skew", "part of it: skew scattering beyond Born order", "skew"),
        "side_jump": ("σ_sj", "side jump (XN 14)", "side_jump"),
        "anomalous_distribution": ("σ_ad", "anomalous distribution", "anomalous_distribution"),
        "gaussian_skew": ("σ_gs", "Gaussian skew scattering", "gaussian_skew"),
    }
)
"""Parts of the current by the name of the result."""

ADDED = ("drift", "side_jump", "anomalous_distribution", "gaussian_skew")
"""Parts that are added to those of the clean crystal; the skew scattering beyond Born order is in the drift."""


class _OfImpurities(GeometryCalculator, Accumulating):
    """Base of what is made of the results of the passes."""

    merges = MappingProxyType({})
    allow_grid, allow_path = True, False
    remark = ""
    shown = "xyz"

    def __init__(self, scan: Scan, problem: Problem, symbol: str, long_name: str, **arguments):
        self.scan, self.problem, self._arguments = scan, problem, dict(arguments)
        self.symbol, self.long_name = symbol, long_name
        self.statistics = fermi_statistics(scan)
        self._found: Any = None
        super().__init__(**arguments)

    def __call__(self, data_K):
        raise TypeError(f"{type(self).__name__}: expected wb_conserved.run, found a run of WannierBerri")

    def requirements(self, system):
        return {"response": SkewSums(self.problem, **self._arguments)}

    def with_results(self, results, provisional=False):
        known = copy.copy(self)
        known._found = results["response"]
        return known

    def accumulate(self, states, weight=1.0, out=None):
        return {}

    def parameters(self):
        return {
            "operator": self.operator.name,
            "multiplet_threshold_eV": float(self.degen_thresh),
            "kramers_pairs": bool(self.degen_Kramers),
            "external_terms": self.external_terms,
            "impurity_scattering": self.problem.order,
            "shell_width_eV": self.problem.axis.width,
            "extra_rate_eV": self.problem.extra_rate,
            **({"kBT_eV": float(self.scan.temperatures[0])} if "kBT" not in self.scan.axes else {}),
        }

    def on_shell(self, per_node: np.ndarray) -> np.ndarray:
        """∫dε (−∂f/∂ε) X(ε) for X (node, ...), over the scan."""
        axis = self.problem.axis
        return self.scan.collect(lambda kBT, levels: np.tensordot(axis.surface_weights(levels, kBT), per_node, axes=1))

    def result(self, data) -> EnergyResult:
        """Result object of values over the scan."""
        return EnergyResult(
            list(self.scan.axes.values()), data, E_titles=list(self.scan.axes),
            transformTR=self.transform_time_reversal, transformInv=self.transform_inversion,
            comment=self.comment, save_mode=self.save_mode,
        )  # fmt: skip


class ImpurityCurrent(_OfImpurities):
    """A part of the current, in the units of the clean response."""

    axes = _CURRENT
    remark = "sign as in postw90"

    def __init__(self, scan, problem, name: str, **arguments):
        self.part = PARTS[name]
        super().__init__(scan, problem, self.part.symbol, self.part.long_name, **arguments)

    def unit(self, dimension):
        return conductivity_unit(dimension, self.operator.unit)

    def finalize(self, values, system):
        _, currents = self._found
        data = conductivity_factor(system) * self.on_shell(np.moveaxis(currents[self.part.current], 1, 2))  # node i l s
        return self.result(data[..., 0] if self.operator.rank == 0 else data)


class _Scalar(_OfImpurities):
    """Of no observable."""

    axes = MappingProxyType({})
    shown = ""

    @property
    def cartesian_axes(self):
        return self.axes


class ImpurityCharge(_Scalar):
    """Conductivity of charge, of the shifted occupation."""

    axes, shown = _CURRENT, "xx"

    def unit(self, dimension):
        return conductivity_unit(dimension, "").removeprefix("(1/|e|) ")

    def finalize(self, values, system):
        _, currents = self._found
        return self.result(-conductivity_factor(system) * self.on_shell(np.moveaxis(currents["charge"], 1, 2)))


class ImpurityLifetime(_Scalar):
    """ħ over the mean rate of the states at the level."""

    def unit(self, dimension):
        return "fs"

    def finalize(self, values, system):
        states, rate, _ = (self.on_shell(part) for part in _means(self._found[0], self.problem))
        return self.result(HBAR_EV_FS * states / rate)


class ImpurityMeanFreePath(_Scalar):
    """Mean speed of the states at the level times the lifetime."""

    def unit(self, dimension):
        return "nm"

    def finalize(self, values, system):
        _, rate, speed = (self.on_shell(part) for part in _means(self._found[0], self.problem))
        return self.result(0.1 * speed / rate)  # Å eV / eV


class ResidualResistivity(_Scalar):
    """Mean of the diagonal of the inverse of the conductivity of charge, over the concentration in percent of cells."""

    def unit(self, dimension):
        return "μΩ cm per percent"

    def finalize(self, values, system):
        _, currents = self._found
        sigma = -conductivity_factor(system) * self.on_shell(np.moveaxis(currents["charge"], 1, 2))
        percent = 100 * sum(kind.concentration for kind in self.problem.kinds)
        inverse = np.linalg.pinv(0.5 * (sigma + sigma.swapaxes(-1, -2)))
        return self.result(1e6 * np.trace(inverse, axis1=-2, axis2=-1) / 3 / percent)


def _means(known: Distribution, problem: Problem):
    """Σ w |M|, Σ w tr Γ and Σ w |M| |v̄| at the nodes."""
    scattering = known.scattering
    rate = np.einsum("nij,nji->n", scattering.outward, scattering.spectrum).real
    return known.states, rate + problem.extra_rate * known.states, known.velocity


class ImpurityResult(RunResult):
    """Result of `impurity_response`.

    Attributes
    ----------
    observable : Operator
    residuals : dict of str to float
        "particles": particles that collisions make over those that they move; "optical_theorem": its largest violation over T.
    limits : tuple of str
        What is not included.
    """

    residuals: dict[str, float]
    observable: Operator
    limits: tuple[str, ...] = (
        "dilute limit: first order of the concentration in the rates",
        "no crossing diagrams: scattering off pairs of impurities",
        "the T matrix enters the distribution only; side jump, anomalous distribution and Gaussian skew take W",
        "magnetic W in degenerate multiplets: parts of order c⁰ to 0.01–9 % only",
    )

    def hall_angle(self) -> np.ndarray:
        """Total conductivity of the observable over that of charge along the field, over the scan, (..., i, l[, s]).

        Of an angular momentum times 2 |e|/ħ, as usual; of others times |e|.
        """
        charge = np.diagonal(self.results["impurity_charge"].data, axis1=-2, axis2=-1)
        total = self.results["impurity_total"].data
        factor = 2 if self.observable.unit == "ħ" else 1
        with np.errstate(divide="ignore", invalid="ignore"):  # directions in which the system does not extend
            return factor * total / charge[(..., None, slice(None), *(None,) * (total.ndim - charge.ndim - 1))]

    def to_dataset(self, **attributes):
        """As `RunResult.to_dataset`, with residuals and limits as attributes."""
        own = {f"residual_{name}": value for name, value in self.residuals.items()}
        return super().to_dataset(**own, not_contained="; ".join(self.limits), **attributes)


def impurity_response(
    system,
    grid,
    impurities: Impurity | Sequence[Impurity],
    Efermi,
    *,
    kBT=0.0,
    degen_thresh: float | None = None,
    degen_Kramers: bool = False,
    operator="spin",
    scattering: str = "t-matrix",
    width: float | None = None,
    tetra: bool = False,
    extra_rate: float = 0.0,
    first_order: bool = True,
    kwargs_formula: dict | None = None,
    large: bool = False,
    comm=None,
    checkpoint=None,
    memory_per_rank: float | None = None,
    progress: bool = False,
) -> ImpurityResult:
    """Current of an observable in a field, in a crystal with impurities: all parts of XN 13 to 15, in the dilute limit.

    The Boltzmann equation of local impurities is solved exactly at every energy, with matrix distributions inside multiplets,
    by passes over the full k mesh, as an impurity need not have the symmetry of the crystal; see `wb_conserved.disorder`.

    Parameters
    ----------
    system, grid, comm, checkpoint, memory_per_rank, progress
        See `wb_conserved.run`.
    impurities : Impurity or sequence of Impurity
        Several kinds: rates add.
    Efermi : float or sequence of float
        Fermi levels, eV.
    kBT : float or sequence of float
        Temperatures, eV.
    degen_thresh, degen_Kramers, operator, kwargs_formula
        See `wb_conserved.calculators.base.GeometryCalculator`.
    scattering : {"t-matrix", "third", "born"}
        Orders of the potential in the distribution, see `wb_conserved.disorder.scattering`.
    width : float, optional
        Distance of the nodes of the energy axis, and width of the shells, eV.  Default: half of the lowest kBT; at kBT = 0 it
        has to be given.
    tetra : bool
        Linear tetrahedra in place of shells of a width, also for the clean crystal; for kBT = 0.
    extra_rate : float
        An isotropic rate besides the impurities (phonons), eV: ħ over its time.
    first_order : bool
        Whether the shift cW of the levels counts; False where it is taken to be part of H.
    large : bool
        Allow tensors of more than 2 GiB.

    Returns
    -------
    ImpurityResult
        "conserved", "berry", "dipole", "conventional" of the clean crystal; the parts of `PARTS`; "impurity_total" and
        "impurity_conventional_total"; "impurity_charge", "impurity_lifetime", "impurity_mean_free_path" and, in three
        dimensions, "impurity_resistivity".

    Raises
    ------
    InputError
        Impurities that do not fit the system, states that nothing scatters (give `extra_rate`), tensors that are too large.
    """
    kinds, functions, origins = _kinds(system, impurities)
    if scattering not in ORDERS:
        raise InputError("scattering", f"one of {', '.join(ORDERS)}", repr(scattering))
    if not extra_rate >= 0:
        raise InputError("extra_rate", "a number >= 0 (eV)", repr(extra_rate))
    scan = Scan(np.atleast_1d(np.asarray(Efermi, dtype=float)), kBT)
    coldest, hottest = float(scan.temperatures.min()), float(scan.temperatures.max())
    if width is None and coldest == 0:
        raise InputError("width", "a number > 0 (eV), the width of the energy shells, at kBT = 0", "none")
    width = 0.5 * coldest if width is None else float(width)
    if not width > 0:
        raise InputError("width", "a number > 0 (eV)", repr(width))
    axis = EnergyAxis.of_levels(scan.levels, hottest, width)
    bands, first = axis.covering(*energy_range(system))
    problem = Problem(axis, bands, first, functions, kinds, scattering, first_order, float(extra_rate), origins, bool(tetra))
    size = (1 + (scattering != "born")) * axis.number * problem.elements**2 + bands.number * problem.number**2
    size *= 16
    if size > _LARGEST and not large:
        raise InputError(
            "impurities",
            f"tensors of {_LARGEST / 2**30:.0f} GiB at most, or large=True",
            f"{size / 2**30:.1f} GiB: {problem.number} functions at {axis.number} energies, {bands.number} for all bands "
            "(fewer functions, a larger width)",
        )
    if tetra and hottest > 0:
        raise InputError("tetra", "kBT = 0 with tetrahedra, or False", f"kBT up to {hottest:g} eV")
    own = {"degen_thresh": degen_thresh, "degen_Kramers": degen_Kramers, "kwargs_formula": kwargs_formula}
    own = {"operator": operator} | own
    sea = {"kBT": kBT, "tetra": bool(tetra)}
    surface = sea | {"fermi_surface_width": width if hottest == 0 and not tetra else None}
    calculators: dict[str, Any] = {
        "conserved": static.ConservedSpinConductivity(scan.levels, **surface, **own),
        "conventional": static.ConventionalSpinConductivity(scan.levels, **sea, **own),
        "berry": static.BerrySpinConductivity(scan.levels, **sea, **own),
        "dipole": static.DipoleScatteringSpinConductivity(scan.levels, **surface, **own),
    }
    calculators |= {name: ImpurityCurrent(scan, problem, name, **own) for name in PARTS}
    calculators["impurity_charge"] = ImpurityCharge(scan, problem, "σ_charge", "conductivity of charge", **own)
    calculators["impurity_lifetime"] = ImpurityLifetime(scan, problem, "t", "lifetime", **own)
    calculators["impurity_mean_free_path"] = ImpurityMeanFreePath(scan, problem, "λ", "mean free path", **own)
    if periodic_measure(system)[0] == 3:
        calculators["impurity_resistivity"] = ResidualResistivity(scan, problem, "ρ", "residual resistivity", **own)
    calculators["response"] = SkewSums(problem, **own)
    found = run(
        system, grid, calculators, comm, checkpoint=checkpoint, use_irred_kpt=False, symmetrize=False,
        memory_per_rank=memory_per_rank, progress=progress,
    )  # fmt: skip
    return _completed(found)


def _kinds(system, impurities):
    """Kinds on their own rows, their functions and origins."""
    impurities = [impurities] if isinstance(impurities, Impurity) else list(impurities)
    if not impurities or not all(isinstance(impurity, Impurity) for impurity in impurities):
        raise InputError("impurities", "an Impurity or a sequence of them", repr(impurities))
    centres = getattr(system, "wannier_centers_cart", None)
    kinds, functions, origins = [], [], []
    for impurity in impurities:
        own, W = impurity.resolve(system)
        first = len(functions)
        kinds.append(Kind(np.arange(first, first + len(own)), W, float(impurity.concentration)))
        functions += own.tolist()
        origin = np.zeros(3) if centres is None else centres[own].mean(axis=0)
        origins += [origin] * len(own)
    if sum(kind.concentration for kind in kinds) >= 1:
        found = f"{[kind.concentration for kind in kinds]}"
        raise InputError("concentration", "fractions of cells that add up to less than 1", found)
    return tuple(kinds), np.array(functions), np.array(origins)


def _completed(found: RunResult) -> ImpurityResult:
    """The result with totals and residuals."""
    known, _ = found.results.pop("response")
    found.calculators.pop("response")
    result = ImpurityResult.__new__(ImpurityResult)
    vars(result).update(vars(found))
    result.observable = result.calculators["impurity_drift"].operator
    result.residuals = {"particles": known.particles, "optical_theorem": known.scattering.optical}
    for prefix, clean, long_name in (
        ("impurity_", ("conserved", "dipole"), "conserved current, all parts"),
        ("impurity_conventional_", ("conventional",), "conventional current, all parts"),
    ):
        names = [*clean, *(f"{prefix}{part}" for part in ADDED)]
        first = result.calculators[f"{prefix}drift"]
        total = copy.copy(first)
        total.symbol = "σ_total" if prefix == "impurity_" else "σ_total^conv"
        total.long_name = long_name
        data = sum(result.results[name].data for name in names)
        result.results[f"{prefix}total"] = first.result(data)
        result.calculators[f"{prefix}total"] = total
    return result
