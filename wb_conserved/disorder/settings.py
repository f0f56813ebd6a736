"""What scatters and how, as one argument of the quantities of `wb_conserved.calculators.impurities`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..calculators import NumberOfElectrons
from ..calculators.contract import Accumulating
from ..calculators.scatterers import Scatterers, ShellSolution
from ..errors import InputError
from ..occupations import Scan
from .energy_axis import EnergyAxis
from .impurities import Impurity
from .passes import BEFORE, ImpurityPass, Problem, SkewSums, energy_range
from .scattering import ORDERS, Kind

LARGEST = 2**31
"""Bytes of the tensors of all nodes, beyond which `large` has to be set."""

_UNSPLIT = 1e-6
"""Multiplet threshold, eV, up to which bands of a multiplet are degenerate, so that results scale with the concentration."""

_OF_ORDER_MINUS_ONE = ("drift", "skew", "conventional_drift", "conventional_skew", "charge")


@dataclass(frozen=True, eq=False)
class Disorder(Scatterers):
    """Impurities, and how they scatter.

    Parameters
    ----------
    impurities : Impurity or sequence of Impurity
        Several kinds: rates add.  One of them may have several concentrations.
    scattering : {"t-matrix", "third", "born"}
        Orders of the potential in the distribution, see `wb_conserved.disorder.scattering`.
    width : float, optional
        Width of the energy shells, and distance of the nodes of the energy axis, eV.  Default: half of the lowest kBT; at
        kBT = 0 the width of the Fermi surface of the calculators.
    extra_rate : float
        An isotropic rate besides the impurities (phonons), eV: ħ over its time.
    first_order : bool
        Whether the shift cW of the levels counts; False where it is taken to be part of H.
    large : bool
        Allow tensors of more than 2 GiB.

    Raises
    ------
    InputError
        Arguments out of range, or more than one impurity with several concentrations.
    """

    impurities: Sequence[Impurity]
    scattering: str = "t-matrix"
    width: float | None = None
    extra_rate: float = 0.0
    first_order: bool = True
    large: bool = False

    limits = (
        "dilute limit: first order of the concentration in the rates",
        "no crossing diagrams: scattering off pairs of impurities",
        "the T matrix enters the distribution only; side jump, anomalous distribution and Gaussian skew take W",
        "magnetic W in degenerate multiplets: parts of order c⁰ to 0.01–9 % only",
    )

    def __post_init__(self):
        given = [self.impurities] if isinstance(self.impurities, Impurity) else self.impurities
        some = isinstance(given, Sequence) and len(given) > 0
        if not some or not all(isinstance(impurity, Impurity) for impurity in given):
            raise InputError("impurities", "an Impurity or a sequence of them", repr(self.impurities))
        object.__setattr__(self, "impurities", tuple(given))
        if self.scattering not in ORDERS:
            raise InputError("scattering", f"one of {', '.join(ORDERS)}", repr(self.scattering))
        if not self.extra_rate >= 0:
            raise InputError("extra_rate", "a number >= 0 (eV)", repr(self.extra_rate))
        if self.width is not None and not self.width > 0:
            raise InputError("width", "a number > 0 (eV)", repr(self.width))
        several = [impurity.concentration for impurity in self.impurities if np.ndim(impurity.concentration)]
        if len(several) > 1:
            raise InputError("concentration", "several for one of the impurities", f"{several} for {len(several)}")
        for fractions in self._fractions:
            if sum(fractions) >= 1:
                raise InputError("concentration", "fractions of cells that add up to less than 1", f"{fractions}")

    @property
    def _fractions(self) -> list[list[float]]:
        """Concentration of each kind, at each concentration of the axis."""
        number = len(self.concentrations or (None,))
        rows = [np.broadcast_to(np.asarray(impurity.concentration, dtype=float), number) for impurity in self.impurities]
        return np.transpose(rows).tolist()

    @property
    def concentrations(self):
        several = [impurity.concentration for impurity in self.impurities if np.ndim(impurity.concentration)]
        return tuple(float(value) for value in several[0]) if several else None

    def with_width(self, width: float) -> Disorder:
        return replace(self, width=width)

    def solvers(self, system, scan, width, space, electrons=None, tetra=False):
        fractions = self._fractions
        if self._scales(space):
            fractions = [fractions[0]] * len(fractions)  # equal ones are solved once
        template = _Template(self, system, width, tetra)
        if electrons is None:
            return [SkewSums(template.problem(scan, part), **space) for part in fractions]
        counter = NumberOfElectrons(electrons, kBT=scan.temperatures if "kBT" in scan.axes else scan.temperatures[0])
        return [_Counted(SkewSums, counter, template, part, space) for part in fractions]

    def solution(self, found, number, scan, width):
        known, currents = found
        scattering, own = known.local.scattering, self._fractions[number]
        solved = sum(kind.concentration for kind in scattering.kinds)
        ratio = sum(own) / solved
        rate = ratio * np.einsum("nij,nji->n", scattering.outward, scattering.spectrum).real
        if ratio != 1:
            currents = currents | {name: currents[name] / ratio for name in _OF_ORDER_MINUS_ONE}
        axis, cutoff = _axis(scan, width), known.local.cutoff
        return ShellSolution(
            axis=axis,
            currents=currents,
            states=known.states,
            rate=rate + self.extra_rate * known.states,
            speed=known.velocity,
            concentration=sum(own),
            residuals={"particles": known.particles, "optical_theorem": scattering.optical},
            cutoff=cutoff.doubt(scan, axis) if cutoff is not None else "",
        )

    def _scales(self, space):
        """Whether everything is exactly proportional to a power of the concentration: one kind, no other rate, and multiplets
        without splittings, which are compared with the rates."""
        unsplit = space["degen_thresh"] <= _UNSPLIT and not space["degen_Kramers"]
        return len(self.impurities) == 1 and self.extra_rate == 0 and unsplit

    def parameters(self):
        texts = [impurity.describe() for impurity in self.impurities]
        rate = {"extra_rate_eV": float(self.extra_rate)} if self.extra_rate else {}
        return {"impurities": "; ".join(texts), "impurity_scattering": self.scattering, "first_order": self.first_order} | rate


class _Template:
    """Problem of impurities in a system, but for levels and concentrations."""

    def __init__(self, disorder: Disorder, system, width: float, tetra: bool):
        centres = getattr(system, "wannier_centers_cart", None)
        self._kinds, functions, origins = [], [], []
        for impurity in disorder.impurities:
            own, W = impurity.resolve(system)
            self._kinds.append((np.arange(len(functions), len(functions) + len(own)), W))
            functions += own.tolist()
            origin = np.zeros(3) if centres is None else centres[own].mean(axis=0)
            origins += [origin] * len(own)
        self._functions, self._origins = np.array(functions), np.array(origins)
        self._order, self._first_order = disorder.scattering, disorder.first_order
        self._extra_rate, self._large = float(disorder.extra_rate), disorder.large
        self._together, self._width, self._tetra = len(disorder.concentrations or (None,)), width, tetra
        self._range = energy_range(system)

    def problem(self, scan: Scan, fractions: Sequence[float]) -> Problem:
        """Problem of a scan, with the concentration of each kind.

        Raises
        ------
        InputError
            Tensors that are too large.
        """
        axis = _axis(scan, self._width)
        bands, first = axis.covering(*self._range)
        kinds = tuple(Kind(rows, W, float(c)) for (rows, W), c in zip(self._kinds, fractions, strict=True))
        problem = Problem(
            axis, bands, first, self._functions, kinds, self._order, self._first_order, self._extra_rate, self._origins,
            self._tetra,
        )  # fmt: skip
        rows = problem.elements + 40  # currents, side jumps, velocity and number besides the distribution
        size = 8 * self._together * (axis.number * rows * problem.elements + bands.number * problem.number**2)
        if size > LARGEST and not self._large:
            raise InputError(
                "large",
                f"tensors of {LARGEST / 2**30:.0f} GiB at most, or large=True (large = true)",
                f"{size / 2**30:.1f} GiB: {problem.number} functions at {axis.number} energies, {bands.number} for all bands, "
                f"{self._together} concentrations (fewer functions, a larger width)",
            )
        return problem


class _Counted(Accumulating):
    """A pass at the level that holds a number of electrons, until that is known."""

    allow_grid, allow_path = True, False
    merges: Mapping[str, Any] = {}

    def __init__(self, kind: type[ImpurityPass], counter, template: _Template, fractions, space):
        self._kind, self._counter, self._template = kind, counter, template
        self._fractions, self._space = list(fractions), dict(space)

    def requirements(self, system):
        before = {}
        if self._kind.needs is not None:
            before = {BEFORE: _Counted(self._kind.needs, self._counter, self._template, self._fractions, self._space)}
        return self._counter.requirements(system) | before

    def with_results(self, results, provisional=False):
        scan = self._counter.with_results(results, provisional).statistics.scan_axes
        return self._kind(self._template.problem(scan, self._fractions), **self._space).with_results(results, provisional)

    def accumulate(self, states, weight=1.0, out=None):
        raise TypeError("expected a level, found a number of electrons")

    finalize = accumulate


def _axis(scan, width):
    """Nodes for a scan."""
    return EnergyAxis.of_levels(scan.levels, float(scan.temperatures.max()), width)
