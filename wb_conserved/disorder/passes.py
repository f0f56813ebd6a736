"""The passes over the k mesh: what is summed over the states of the shells, and solved in between.

1. `LocalSpectrum`: the spectral matrix of all bands on the functions of the impurities; X^{l,1} = Σ w U(D_lU)†.
2. `DistributionSums`: the equation of the distribution, the currents that it makes, side jump, anomalous distribution.
3. `SkewPotential`: F_1 of the Gaussian skew scattering.
4. `SkewSums`: its distribution and current.

Each asks for the results of the one before (`Accumulating.requirements`), so that chunks, ranks, restarts and bits are those of
every other run.  Equations and their source: `wb_conserved.disorder`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from ..calculators.base import GeometryCalculator
from ..calculators.contract import SUM, Accumulating
from ..interpolation import WannierInterpolator
from .cutoff import CutOff, cut_off
from .kinetics import (
    Equation,
    by_node,
    elements_of,
    hermitian_part,
    imaginary_part,
    inside,
    into,
    local,
    of_kinds,
    out_of,
    outer_sum,
    trace_with,
    vector,
)
from .scattering import Kind, Scattering, green_function, scattering_of
from .shells import EnergyAxis, Shells, shells_of

_SAMPLE = 300  # k points
BEFORE = "before"  # name of a result


@dataclass(frozen=True)
class Problem:
    """What is scattered by what, at which energies.

    Attributes
    ----------
    axis : EnergyAxis
        Of the shells.
    band_axis : EnergyAxis
        Of all bands.
    first : int
        Place of the first node of `axis` in it.
    functions : int array (i,)
        Wannier functions of all kinds, one kind after the other.
    kinds : tuple of Kind
    order : str
        See `wb_conserved.disorder.scattering.ORDERS`.
    first_order : bool
    extra_rate : float
        eV.
    origins : float array (i, 3)
        r_0 of the impurity of each function, Å.
    """

    axis: EnergyAxis
    band_axis: EnergyAxis
    first: int
    functions: np.ndarray
    kinds: tuple[Kind, ...]
    order: str
    first_order: bool
    extra_rate: float
    origins: np.ndarray

    @property
    def number(self) -> int:
        """Functions of all kinds."""
        return len(self.functions)

    @property
    def elements(self) -> int:
        """Σ|I|²."""
        return sum(len(kind.rows) ** 2 for kind in self.kinds)


def energy_range(system, kpoints=None) -> tuple[float, float]:
    """Lowest and highest energy of the bands, about, with a margin, eV."""
    random = np.random.default_rng(0).random((_SAMPLE, 3)) * np.asarray(system.periodic, dtype=float)
    if hasattr(system, "rvec"):
        energies = WannierInterpolator(system).band_energies(random)
    else:
        corners = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0], [0.5, 0.5, 0.5]])
        points = np.concatenate([random, corners * np.asarray(system.periodic)])
        energies = np.linalg.eigvalsh(system.hamiltonian((((points + 0.5) % 1) - 0.5) @ system.recip_lattice))
    margin = 0.05 * np.ptp(energies) + 0.5
    return float(energies.min() - margin), float(energies.max() + margin)


class ImpurityPass(GeometryCalculator, Accumulating):
    """Base of the passes.

    Parameters
    ----------
    problem : Problem
    degen_thresh, degen_Kramers, operator, kwargs_formula
        See `wb_conserved.calculators.base.GeometryCalculator`.
    """

    symbol, long_name = "", "a pass of the response with impurities"
    axes = MappingProxyType({})
    allow_grid, allow_path = True, False
    needs: type[ImpurityPass] | None = None

    def __init__(self, problem: Problem, **arguments):
        self.problem, self._arguments = problem, dict(arguments)
        self._known: Any = None
        super().__init__(**arguments)

    def requirements(self, system):
        """The pass before."""
        return {} if self.needs is None else {BEFORE: self.needs(self.problem, **self._arguments)}

    def with_results(self, results, provisional=False):
        """The same, with what the pass before found."""
        if self.needs is None:
            return self
        known = copy.copy(self)
        known._known = results[BEFORE]
        if provisional:  # of some k points, which may leave states unscattered
            known.problem = replace(self.problem, extra_rate=self.problem.extra_rate + 1.0)
        return known

    def __call__(self, data_K):
        """Only `wb_conserved.run` knows passes."""
        raise TypeError(f"{type(self).__name__}: expected wb_conserved.run, found a run of WannierBerri")

    def geometries(self, states) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        """Band geometry of each batch, phases exp(i k·(τ_i − r_0)) (k, i) and offsets τ_i − r_0 (i, 3), Å."""
        problem, system, first = self.problem, states.system, 0
        centres = getattr(system, "wannier_centers_cart", None)
        offsets = np.zeros((problem.number, 3)) if centres is None else centres[problem.functions] - problem.origins
        cartesian = (np.asarray(states.kpoints) @ system.recip_lattice) @ offsets.T
        for geometry in self.band_geometries(states):
            last = first + len(geometry.energies)
            yield geometry, np.exp(1j * cartesian[first:last]), offsets
            first = last

    def shells(self, states, weight) -> Iterator[Shells]:
        """All shells of some k points."""
        for geometry, phases, offsets in self.geometries(states):
            yield from shells_of(geometry, self.problem.axis, self.problem.functions, phases, offsets, weight)

    def _zeros(self, **shapes) -> dict[str, np.ndarray]:
        return {name: np.zeros((self.problem.axis.number, *shape), dtype=complex) for name, shape in shapes.items()}


@dataclass(frozen=True)
class Local:
    """Result of the first pass.

    Attributes
    ----------
    scattering : Scattering
    derivative : complex array (node, 3, i, i)
        X^{l,1}.
    states : float array (node,)
        Σ w |M|, 1/eV.
    velocity : float array (node,)
        Σ w |M| |v̄|.
    cutoff : CutOff or None
        What the frozen window means for the Green function.
    """

    scattering: Scattering
    derivative: np.ndarray
    states: np.ndarray
    velocity: np.ndarray
    cutoff: CutOff | None = None


class LocalSpectrum(ImpurityPass):
    """First pass."""

    merges = MappingProxyType({"spectrum": SUM, "derivative": SUM, "states": SUM, "velocity": SUM})

    def accumulate(self, states, weight=1.0, out=None):
        problem = self.problem
        n, axis, bands = problem.number, problem.axis, problem.band_axis
        values = out or self._zeros(derivative=(3, n, n), states=(), velocity=()) | {
            "spectrum": np.zeros((bands.number, n, n), dtype=complex)
        }
        for geometry, phases, offsets in self.geometries(states):
            vectors = np.moveaxis(geometry.batch.eigenvectors[:, problem.functions] * phases[:, :, None], 1, 2)  # k n i
            vectors = vectors.reshape(-1, n)
            nodes, hats = bands.hats(geometry.multiplets.energies.reshape(-1))
            if nodes.min() < 0 or nodes.max() >= bands.number:
                raise ValueError(f"bands: expected energies within {bands.energies[[0, -1]]} eV, found others")
            places = (nodes.ravel(), np.tile(np.arange(len(vectors)), 2))
            onto = sparse.csr_array(((weight / bands.width) * hats.ravel(), places), shape=(bands.number, len(vectors)))
            products = (vectors[:, :, None] * vectors.conj()[:, None]).reshape(len(vectors), -1)
            values["spectrum"] += (onto @ products).reshape(bands.number, n, n)
            for shells in shells_of(geometry, axis, problem.functions, phases, offsets, weight):
                weighted = shells.weights[:, None, None] * shells.states
                values["derivative"] += outer_sum(shells, axis.number, weighted, shells.derivatives)
                speeds = np.linalg.norm(shells.mean_velocities, axis=1)
                np.add.at(values["states"], shells.nodes, shells.weights * shells.size)
                np.add.at(values["velocity"], shells.nodes, shells.weights * shells.size * speeds)
        return values

    def finalize(self, values, system):
        problem = self.problem
        spectrum = hermitian_part(values["spectrum"])
        nodes = slice(problem.first, problem.first + problem.axis.number)
        green = green_function(spectrum, problem.first, problem.axis.number, problem.axis.width)
        scattering = scattering_of(problem.kinds, spectrum[nodes], green, problem.order, problem.first_order)
        of_all = spectrum, green, problem.band_axis.energies, nodes
        cutoff = cut_off(problem.kinds, *of_all, problem.order, getattr(system, "frozen_window", None))
        return Local(scattering, values["derivative"], values["states"].real, values["velocity"].real, cutoff)


@dataclass(frozen=True)
class Distribution:
    """Result of the second pass: the distribution and the currents that it makes.

    Attributes
    ----------
    local : Local
    equation : Equation
    field : complex array (node, F, 3)
        F^l.
    currents : dict of str to float array (node, 3, 3, s)
        Per energy, (l, i, s): "drift", "skew", "side_jump", "anomalous_distribution", the same of the conventional current, and
        "charge" (l, i).
    conserved_row, conventional_row : complex array (node, 3, s, F)
        Rows of the two currents.
    particles : float
        Largest violation of the conservation of particles by collisions, over the rate.
    """

    local: Local
    equation: Equation
    field: np.ndarray
    currents: dict[str, np.ndarray]
    conserved_row: np.ndarray
    conventional_row: np.ndarray
    particles: float


class DistributionSums(ImpurityPass):
    """Second pass."""

    needs = LocalSpectrum

    @cached_property
    def merges(self):
        return dict.fromkeys(self._shapes(), SUM)

    def _shapes(self):
        s, F, n = 3 if self.operator.rank else 1, self.problem.elements, self.problem.number
        rows = 2 * (3 * s) * 2 + 3 + 1  # conserved and conventional: current and side jump; charge; number of particles
        shapes = {
            "kernel": (F, F), "rows": (rows, F), "source": (F, 6), "direct": (rows, 6),
            "shift": (3, s, n, n), "conventional_shift": (3, s, n, n),
        }  # fmt: skip
        if self._skew:
            shapes |= {"symmetric_kernel": (F, F), "symmetric_rows": (rows, F)}
        return shapes

    @property
    def _skew(self):
        return self.problem.order != "born"

    def accumulate(self, states, weight=1.0, out=None):
        values, before, number = out or self._zeros(**self._shapes()), self._known, self.problem.axis.number
        scattering, kinds = before.scattering, self.problem.kinds
        W = scattering.potential
        jump = scattering.second  # 2πc WAW
        sandwiched = self._sandwiched(W, before.derivative)
        for shells in self.shells(states, weight):
            out_inverse = out_of(shells, scattering, self.problem.extra_rate)
            weighted = shells.weights[:, None, None]
            where = local(shells, kinds)
            one = np.broadcast_to(np.eye(shells.size), (len(shells.nodes), shells.size, shells.size))
            # right sides: v̄^l 1, and minus the source of the anomalous distribution
            anomalous = inside(shells, sandwiched) - imaginary_part(
                shells.states.conj().swapaxes(1, 2)[:, None] @ jump[shells.nodes][:, None] @ shells.derivatives
            )
            sides = np.concatenate(
                [shells.mean_velocities[:, :, None, None] * one[:, None], -anomalous], axis=1
            )  # q 6 m m
            solved = out_inverse @ vector(sides)
            rows = weighted * self._rows(shells, jump)
            values["source"] += by_node(shells.nodes, number, weighted * where, solved)
            values["direct"] += by_node(shells.nodes, number, rows, solved)
            for prefix, pairs in (("", scattering.inward), ("symmetric_", scattering.symmetric)):
                if prefix and not self._skew:
                    continue
                incoming = out_inverse @ into(shells, kinds, pairs)
                values[f"{prefix}kernel"] += by_node(shells.nodes, number, weighted * where, incoming)
                values[f"{prefix}rows"] += by_node(shells.nodes, number, rows, incoming)
            self._add_shifts(values, shells)
        return values

    def _sandwiched(self, W, derivative):
        """Σ 2πc (−im[W X^{l,1} W]) of the kinds, (node, 3, i, i)."""
        result = np.zeros_like(derivative)
        for kind in self.problem.kinds:
            block = (..., kind.rows[:, None], kind.rows)
            result[block] = -kind.factor * imaginary_part(kind.potential @ derivative[block] @ kind.potential)
        return result

    def _rows(self, shells, jump):
        """Rows (q, x, m m) of everything that is a trace with g."""
        states, m = shells.states, shells.size
        v, s = shells.velocities, shells.operators
        conserved = 0.5 * (v[:, :, None] @ s[:, None] + s[:, None] @ v[:, :, None])
        dressed = (states.conj().swapaxes(1, 2) @ jump[shells.nodes])[:, None]  # q 1 m i: U† 2πc WAW
        jumped = (dressed @ shells.derivatives)[:, :, None]  # q a 1 m m
        side = 0.5 * (s[:, None] @ jumped + jumped @ s[:, None])
        conventional_side = dressed[:, None] @ shells.current_derivatives
        one = np.broadcast_to(np.eye(m), (len(states), 1, m, m))
        parts = [conserved, side, shells.currents, conventional_side, v, one]
        return np.concatenate([trace_with(part) for part in parts], axis=1)

    def _add_shifts(self, values, shells):
        """X^{is} = Σ w U s (D_iU)†, and Σ w U (δ_JU)†."""
        number, weighted = self.problem.axis.number, shells.weights[:, None, None] * shells.states
        with_operator = shells.derivatives[:, :, None] @ shells.operators[:, None]  # q a s i m, s being Hermitian
        values["shift"] += outer_sum(shells, number, weighted, with_operator)
        values["conventional_shift"] += outer_sum(shells, number, weighted, shells.current_derivatives)

    def finalize(self, values, system):
        problem, before = self.problem, self._known
        kinds, scattering = problem.kinds, before.scattering
        spectrum = elements_of(scattering.spectrum, kinds)
        s = 3 if self.operator.rank else 1

        def solved(kernel, rows):
            equation = Equation(kernel, spectrum, before.states, rows[:, -1], problem.extra_rate)
            return equation, equation.solve(values["source"], values["direct"][:, -1])

        equation, found = solved(values["kernel"], values["rows"])
        totals = values["direct"] + values["rows"] @ found  # node, row, 6
        field = found[..., :3]
        block = 3 * s
        parts = np.split(np.moveaxis(totals, 1, 2), [block, 2 * block, 3 * block, 4 * block, 4 * block + 3], axis=2)
        shape = (problem.axis.number, 6, 3, s)
        drift, side, conventional, conventional_side = (part.reshape(shape) for part in parts[:4])
        by_field = slice(0, 3)
        currents = {
            "drift": drift[:, by_field].real,
            "anomalous_distribution": drift[:, 3:].real,
            "side_jump": self._side_jump(values["shift"], field) - side[:, by_field].imag,
            "conventional_drift": conventional[:, by_field].real,
            "conventional_anomalous_distribution": conventional[:, 3:].real,
            "conventional_side_jump": (
                self._side_jump(values["conventional_shift"], field) - conventional_side[:, by_field].imag
            ),
            "charge": parts[4][:, by_field].real,
        }
        for name in ("skew", "conventional_skew"):
            currents[name] = np.zeros_like(currents["drift"])
        if self._skew:
            _, symmetric = solved(values["symmetric_kernel"], values["symmetric_rows"])
            totals = values["direct"] + values["symmetric_rows"] @ symmetric
            without = np.split(np.moveaxis(totals, 1, 2), [block, 2 * block, 3 * block], axis=2)
            currents["skew"] = currents["drift"] - without[0].reshape(shape)[:, by_field].real
            currents["conventional_skew"] = currents["conventional_drift"] - without[2].reshape(shape)[:, by_field].real
        rows = values["rows"].reshape(problem.axis.number, -1, problem.elements)
        return Distribution(
            local=before,
            equation=equation,
            field=field,
            currents=currents,
            conserved_row=rows[:, :block],
            conventional_row=rows[:, 2 * block : 3 * block],
            particles=self._violation(field),
        )

    def _side_jump(self, shift, field):
        """−2πc Im Tr[W X^{is} W F^l], (node, l, i, s)."""
        problem, total = self.problem, 0.0
        F = of_kinds(np.moveaxis(field, 2, 1), problem.kinds, problem.number)  # node l i i
        for kind in problem.kinds:
            block = (..., kind.rows[:, None], kind.rows)
            W = kind.potential
            total = total - kind.factor * np.einsum("nasij,nlji->nlas", W @ shift[block] @ W, F[block]).imag
        return total

    def _violation(self, field):
        """Particles that collisions make, Σ w tr C[g], over those that they move."""
        problem, scattering = self.problem, self._known.scattering
        F = of_kinds(np.moveaxis(field, 2, 1), problem.kinds, problem.number)
        outgoing = np.einsum("nij,nlji->nl", scattering.outward, F)
        incoming = np.zeros_like(outgoing)
        moved = np.linalg.norm(scattering.outward, axis=(1, 2))[:, None] * np.linalg.norm(F, axis=(2, 3))
        for kind, pairs in zip(problem.kinds, scattering.inward, strict=True):
            block = (..., kind.rows[:, None], kind.rows)
            for left, right in pairs:
                incoming += kind.factor * np.einsum("nij,njk,nlkm,nmi->nl", scattering.spectrum[block], left, F[block], right)
        largest = moved.max()
        return float(np.abs(outgoing - incoming).max() / largest) if largest > 0 else 0.0


class SkewPotential(ImpurityPass):
    """Third pass: F_1 = im Σ w [U(δ_V̂U)† + δ_Γ̂U g U†] with V̂ = 2πcWFW, Γ̂ = 2πcWAW."""

    needs = DistributionSums
    merges = MappingProxyType({"potential": SUM})

    def accumulate(self, states, weight=1.0, out=None):
        n, number = self.problem.number, self.problem.axis.number
        values = out or self._zeros(potential=(3, n, n))
        incoming = incoming_potential(self._known, self.problem)
        for shells in self.shells(states, weight):
            g = distribution(shells, self._known, self.problem)
            weighted = shells.weights[:, None, None]
            dressed = shells.resolvents @ self._known.local.scattering.second[shells.nodes] @ shells.states  # δ_Γ̂U
            other = shells.resolvents[:, None] @ incoming[shells.nodes] @ shells.states[:, None]  # δ_V̂U, q a i m
            values["potential"] += outer_sum(shells, number, weighted * shells.states, other)
            turned = outer_sum(shells, number, weighted * shells.states, dressed[:, None] @ g)  # g being Hermitian
            values["potential"] += turned.conj().swapaxes(-1, -2)
        return values

    def finalize(self, values, system):
        return self._known, imaginary_part(values["potential"])


class SkewSums(ImpurityPass):
    """Fourth pass: C[g_sk] = im[(δ_Γ̂U)†V̂U] + 2πcU†WF_1WU − i[h_2, g], h_2 = −¼U†Γ̂ δ_Γ̂U."""

    needs = SkewPotential
    merges = MappingProxyType({"source": SUM, "direct": SUM})

    def accumulate(self, states, weight=1.0, out=None):
        known, first = self._known
        problem, number = self.problem, self.problem.axis.number
        s = 3 if self.operator.rank else 1
        values = out or self._zeros(source=(problem.elements, 3), direct=(2 * 3 * s + 1, 3))
        scattering, incoming = known.local.scattering, incoming_potential(known, problem)
        dressing = np.zeros_like(incoming)
        for kind in problem.kinds:
            block = (..., kind.rows[:, None], kind.rows)
            dressing[block] = kind.factor * (kind.potential @ first[block] @ kind.potential)
        for shells in self.shells(states, weight):
            g = distribution(shells, known, problem)
            second = scattering.second[shells.nodes]
            dressed = shells.resolvents @ second @ shells.states
            levels = hermitian_part(-0.25 * shells.states.conj().swapaxes(1, 2) @ second @ dressed)[:, None]
            turned = dressed.conj().swapaxes(1, 2)[:, None] @ incoming[shells.nodes] @ shells.states[:, None]
            sides = imaginary_part(turned) + inside(shells, dressing) - 1j * (levels @ g - g @ levels)
            solved = out_of(shells, scattering, problem.extra_rate) @ vector(sides)
            weighted = shells.weights[:, None, None]
            v, o = shells.velocities[:, :, None], shells.operators[:, None]
            one = np.broadcast_to(np.eye(shells.size), (len(g), 1, shells.size, shells.size))
            rows = [trace_with(part) for part in (0.5 * (v @ o + o @ v), shells.currents, one)]
            values["source"] += by_node(shells.nodes, number, weighted * local(shells, problem.kinds), solved)
            values["direct"] += by_node(shells.nodes, number, weighted * np.concatenate(rows, axis=1), solved)
        return values

    def finalize(self, values, system):
        known, _ = self._known
        found = known.equation.solve(values["source"], values["direct"][:, -1])
        currents = dict(known.currents)
        s, nodes = 3 if self.operator.rank else 1, self.problem.axis.number
        for number, (name, rows) in enumerate(
            (("gaussian_skew", known.conserved_row), ("conventional_gaussian_skew", known.conventional_row))
        ):
            direct = values["direct"][:, 3 * s * number : 3 * s * (number + 1)]
            total = direct + rows @ found  # node, (i s), l
            currents[name] = np.moveaxis(total, 2, 1).reshape(nodes, 3, 3, s).real
        return known, currents


def incoming_potential(known: Distribution, problem: Problem) -> np.ndarray:
    """V̂^l = 2πcWF^lW of all kinds, (node, 3, i, i), eV Å."""
    F = of_kinds(np.moveaxis(known.field, 2, 1), problem.kinds, problem.number)
    result = np.zeros_like(F)
    for kind in problem.kinds:
        block = (..., kind.rows[:, None], kind.rows)
        result[block] = kind.factor * (kind.potential @ F[block] @ kind.potential)
    return result


def distribution(shells: Shells, known: Distribution, problem: Problem) -> np.ndarray:
    """g^l (q, 3, m, m) of the states, Å."""
    scattering, m = known.local.scattering, shells.size
    sides = vector(shells.mean_velocities[:, :, None, None] * np.eye(m))
    sides = sides + into(shells, problem.kinds, scattering.inward) @ known.field[shells.nodes]
    solved = out_of(shells, scattering, problem.extra_rate) @ sides
    return np.moveaxis(solved, 2, 1).reshape(len(shells.nodes), 3, m, m)
