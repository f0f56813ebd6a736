"""The passes over the k mesh: what is summed over the states of the shells, and solved in between.

1. `LocalSpectrum`: the spectral matrix of all bands on the functions of the impurities, and with it the scattering.
2. `DistributionSums`: the equation of the distribution, the currents that it makes, side jump, anomalous distribution.
3. `SkewSums`: Gaussian skew scattering.

Each asks for the results of the one before (`Accumulating.requirements`), so that chunks, ranks, restarts and bits are those of
every other run.  Equations and their source: `wb_conserved.disorder`.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from ..calculators.base import GeometryCalculator
from ..calculators.contract import SUM, Accumulating
from ..interpolation import WannierInterpolator
from .energy_axis import EnergyAxis, at_nodes
from .kinetics import (
    Equation,
    add_by_node,
    as_matrices,
    as_vectors,
    elements_of,
    hermitian_part,
    imaginary_part,
    incoming,
    inside,
    local,
    of_kinds,
    out_of,
    turned,
)
from .scattering import Kind, Scattering, green_function, scattering_of
from .shells import Shells, shells_of

_SAMPLE = 300  # k points
_BEFORE = "before"


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
    tetra : bool
        Linear tetrahedra, see `wb_conserved.disorder.energy_axis`.
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
    tetra: bool = False

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
        return {} if self.needs is None else {_BEFORE: self.needs(self.problem, **self._arguments)}

    def with_results(self, results, provisional=False):
        """The same, with what the pass before found."""
        if self.needs is None:
            return self
        known = copy.copy(self)
        known._known = results[_BEFORE]
        return known

    def __call__(self, data_K):
        """Only `wb_conserved.run` knows passes."""
        raise TypeError(f"{type(self).__name__}: expected wb_conserved.run, found a run of WannierBerri")

    def geometries(self, states) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        """Band geometry of each batch, states (k, n, i) on the functions, with the phases exp(i k·(τ_i − r_0)), and offsets
        τ_i − r_0 (i, 3), Å."""
        problem, system, first = self.problem, states.system, 0
        centres = getattr(system, "wannier_centers_cart", None)
        offsets = np.zeros((problem.number, 3)) if centres is None else centres[problem.functions] - problem.origins
        cartesian = (np.asarray(states.kpoints) @ system.recip_lattice) @ offsets.T
        for geometry in self.band_geometries(states):
            last = first + len(geometry.energies)
            on_functions = geometry.batch.eigenvectors[:, problem.functions].swapaxes(1, 2)
            yield geometry, on_functions * np.exp(1j * cartesian[first:last])[:, None], offsets
            first = last

    def shells(self, states, weight) -> Iterator[Shells]:
        """All shells of some k points."""
        for geometry, on_functions, offsets in self.geometries(states):
            yield from shells_of(geometry, self.problem.axis, on_functions, offsets, weight, self.problem.tetra)

    def _zeros(self) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, dtype=dtype) for name, (dtype, *shape) in self.arrays.items()}

    @property
    @abstractmethod
    def arrays(self) -> dict[str, tuple]:
        """Type and shape of each array that is summed."""

    @cached_property
    def merges(self):
        return dict.fromkeys(self.arrays, SUM)


class LocalSpectrum(ImpurityPass):
    """First pass."""

    @property
    def arrays(self):
        return {"spectrum": (float, self.problem.band_axis.number, self.problem.number**2)}

    def accumulate(self, states, weight=1.0, out=None):
        values, axis = out or self._zeros(), self.problem.band_axis
        for geometry, on_functions, _ in self.geometries(states):
            energies, ends = geometry.energies, axis.energies[[0, -1]]
            if energies.min() < ends[0] or energies.max() > ends[1]:
                raise ValueError(f"bands: expected energies within {ends} eV, found {energies.min():g} to {energies.max():g}")
            multiplets, entries = at_nodes(geometry, axis, self.problem.tetra)
            flat = on_functions.reshape(energies.size, -1)
            shape = axis.number, len(multiplets.sizes)
            onto = sparse.csr_array((weight * entries.weights, (entries.nodes, entries.owners)), shape=shape)
            # vectors of U U†
            left = np.stack([flat.real + flat.imag, flat.imag - flat.real], axis=2)
            outer = (left @ np.stack([flat.real, flat.imag], axis=1)).reshape(len(flat), -1)
            values["spectrum"] += onto @ np.add.reduceat(outer, np.cumsum(multiplets.sizes) - multiplets.sizes, axis=0)
        return values

    def finalize(self, values, system) -> Scattering:
        problem = self.problem
        spectrum, number = as_matrices(values["spectrum"]), problem.axis.number
        green = green_function(spectrum, problem.first, number, problem.axis.width)
        near = spectrum[problem.first : problem.first + number]
        return scattering_of(problem.kinds, near, green, problem.order, problem.first_order)


@dataclass(frozen=True)
class Distribution:
    """Result of the second pass: the distribution and the currents that it makes.

    Attributes
    ----------
    scattering : Scattering
    equation : Equation
    sums : float array (node, R + F, F)
        Σ w [rows, Pᵀ] L⁻¹ P, see `wb_conserved.disorder.kinetics`.
    scatterers : complex array (node, 9, i, i)
        What acts on states in the third pass: rate out, shift of levels, 2πc T F^l T†, Γ̂ and V̂^l, eV and eV Å.
    currents : dict of str to float array (node, 3, 3, s)
        Per energy, (l, i, s): "drift", "skew", "side_jump", "anomalous_distribution", the same of the conventional current, and
        "charge" (l, i).
    states : float array (node,)
        Σ w |M|, 1/eV.
    velocity : float array (node,)
        Σ w |M| |v̄|.
    particles : float
        Largest violation of the conservation of particles by collisions, over the rate.
    """

    scattering: Scattering
    equation: Equation
    sums: np.ndarray
    scatterers: np.ndarray
    currents: dict[str, np.ndarray]
    states: np.ndarray
    velocity: np.ndarray
    particles: float


class DistributionSums(ImpurityPass):
    """Second pass.

    Rows r of what is linear in g: conserved current (3 s), its side jump, conventional current, its side jump, velocity (3),
    number of particles (1).
    """

    needs = LocalSpectrum

    @property
    def arrays(self):
        problem, s = self.problem, self._components
        nodes, F, n = problem.axis.number, problem.elements, problem.number
        return {
            "sums": (float, nodes, 4 * 3 * s + 4 + F, F + 6), "shift": (complex, nodes, n, (3 + 3 * s) * n),
            "operator_shift": (complex, nodes, s * n, 3 * n), "states": (float, nodes), "velocity": (float, nodes),
        }  # fmt: skip

    @property
    def _components(self):
        return 3 if self.operator.rank else 1

    def accumulate(self, states, weight=1.0, out=None):
        values, scattering, problem = out or self._zeros(), self._known, self.problem
        at_states = np.stack([scattering.outward, scattering.shift, scattering.second], axis=1)
        for shells in self.shells(states, weight):
            on_states = turned(shells, at_states)  # q m 3 i
            rates, shifts = np.moveaxis(inside(shells, on_states[:, :, :2]), 1, 0)
            inverse = out_of(shells, rates, shifts, problem.extra_rate)
            jumped = -imaginary_part(self._jumped(shells, on_states[:, :, 2]))  # q x m m: im[U† 2πcWAW D_xU]
            columns = self._columns(shells, jumped)
            number = values["sums"].shape[1]
            right = (shells.weights[:, None, None] * inverse) @ columns[:, :, number - problem.elements :]
            add_by_node(values["sums"], shells, columns[:, :, :number], right)
            self._add_shifts(values, shells)
            sizes, speeds = shells.weights * shells.size, np.linalg.norm(shells.mean_velocities, axis=1)
            np.add.at(values["states"], shells.nodes, sizes)
            np.add.at(values["velocity"], shells.nodes, sizes * speeds[shells.owners])
        return values

    def _jumped(self, shells, on_states):
        """(D_xU)† 2πcWAW U and the same of (δ_JU)†, (q, x, m, m), from (2πcWAW U)ᵀ (q, m, i)."""
        dressed = shells.dressed[shells.owners]
        q, m, x, i = dressed.shape
        blocks = (dressed.reshape(q, m * x, i) @ on_states.swapaxes(1, 2)).reshape(q, m, x, m)
        return blocks.swapaxes(1, 2)

    def _columns(self, shells, jumped):
        """Rows r, P, and right sides v̄^l 1 and im[U† 2πcWAW D_lU], as columns (q, m m, R + F + 6)."""
        owners, number = shells.owners, shells.size**2
        side = hermitian_part(jumped[:, :3, None] @ shells.operators[owners][:, None])
        of_jumps = as_vectors(jumped)
        parts = [
            conserved_rows(shells)[owners],
            -as_vectors(side).reshape(len(owners), -1, number),
            conventional_rows(shells)[owners],
            -of_jumps[:, 3:],
            as_vectors(shells.velocities)[owners],
            number_rows(shells)[owners],
            local(shells.states, self.problem.kinds).swapaxes(1, 2)[owners],
            (shells.mean_velocities[:, :, None] * np.eye(shells.size).ravel())[owners],
            of_jumps[:, :3],
        ]
        return np.concatenate(parts, axis=1).swapaxes(1, 2)

    def _add_shifts(self, values, shells):
        """X^{l,1} = Σ w U (D_lU)†, Σ w U (δ_JU)† and X^{is} = Σ w U s (D_iU)†."""
        owners, m, n = shells.owners, shells.size, self.problem.number
        states = shells.weights[:, None, None] * shells.states[owners]
        dressed = shells.dressed[owners].reshape(len(owners), m, -1)
        add_by_node(values["shift"], shells, states, dressed)
        with_operator = shells.operators[owners].swapaxes(2, 3) @ states[:, None]  # q s m i
        with_operator = with_operator.swapaxes(1, 2).reshape(len(owners), m, -1)
        add_by_node(values["operator_shift"], shells, with_operator, dressed[:, :, : 3 * n])

    def finalize(self, values, system) -> Distribution:
        problem, scattering, s = self.problem, self._known, self._components
        kinds, nodes, F, n = problem.kinds, problem.axis.number, problem.elements, problem.number
        shift = np.moveaxis(values["shift"].reshape(nodes, n, -1, n), 1, 2)  # node x i i
        operator_shift = values["operator_shift"].reshape(nodes, s, n, 3, n).transpose(0, 3, 1, 2, 4)  # node i s i i
        of_states, source = values["sums"][:, :, :F], values["sums"][:, :, F:].copy()
        # what X^{l,1} makes of the anomalous distribution's source
        source[:, :, 3:] += of_states @ elements_of(sandwiched(imaginary_part(shift[:, :3]), kinds), kinds).swapaxes(1, 2)
        rows = values["sums"].shape[1] - F
        count = rows - 1

        def solved(pairs):
            come_in = incoming(kinds, pairs)
            sums = of_states @ come_in
            spectrum = elements_of(scattering.spectrum, kinds)
            equation = Equation(sums[:, rows:], spectrum, values["states"], sums[:, count], problem.extra_rate)
            found = equation.solve(source[:, rows:], source[:, count])
            return equation, found, come_in @ found, source[:, :rows] + sums[:, :rows] @ found

        equation, found, come_in, totals = solved(scattering.inward)
        currents = self._currents(totals)
        distributed, come_in = (of_kinds(part[:, :, :3].swapaxes(1, 2), kinds, n) for part in (found, come_in))
        out = scattering.outward[:, None], scattering.shift[:, None]
        scattered = sandwiched(distributed, kinds)  # node l i i
        for prefix, X in (("", operator_shift), ("conventional_", shift[:, 3:].reshape(nodes, 3, s, n, n))):
            currents[f"{prefix}side_jump"] -= np.einsum("nasij,nlji->nlas", X, scattered).imag
        without = currents
        if problem.order != "born":
            without = self._currents(solved(scattering.symmetric)[3])
        for name in ("", "conventional_"):
            currents[f"{name}skew"] = currents[f"{name}drift"] - without[f"{name}drift"]
        return Distribution(
            scattering=scattering,
            equation=equation,
            sums=of_states,
            scatterers=np.concatenate([*out, come_in, scattering.second[:, None], scattered], axis=1),
            currents=currents,
            states=values["states"],
            velocity=values["velocity"],
            particles=self._violation(distributed),
        )

    def _currents(self, totals):
        """Currents by name from the rows (node, R, 6)."""
        s, nodes = self._components, len(totals)
        parts = np.split(totals[:, :-1].swapaxes(1, 2), [3 * s, 6 * s, 9 * s, 12 * s], axis=2)
        conserved, side, conventional, conventional_side = (part.reshape(nodes, 6, 3, s) for part in parts[:4])
        by_field, anomalous = slice(0, 3), slice(3, 6)
        return {
            "drift": conserved[:, by_field],
            "side_jump": side[:, by_field],
            "anomalous_distribution": conserved[:, anomalous],
            "conventional_drift": conventional[:, by_field],
            "conventional_side_jump": conventional_side[:, by_field],
            "conventional_anomalous_distribution": conventional[:, anomalous],
            "charge": parts[4][:, by_field],
        }

    def _violation(self, F):
        """Particles that collisions make, Σ w tr C[g], over those that they move."""
        problem, scattering = self.problem, self._known
        outgoing = np.einsum("nij,nlji->nl", scattering.outward, F)
        come_in = np.zeros_like(outgoing)
        moved = np.linalg.norm(scattering.outward, axis=(1, 2))[:, None] * np.linalg.norm(F, axis=(2, 3))
        for kind, pairs in zip(problem.kinds, scattering.inward, strict=True):
            block = (..., kind.rows[:, None], kind.rows)
            for left, right in pairs:
                come_in += kind.factor * np.einsum("nij,njk,nlkm,nmi->nl", scattering.spectrum[block], left, F[block], right)
        largest = moved.max()
        return float(np.abs(outgoing - come_in).max() / largest) if largest > 0 else 0.0


class SkewSums(ImpurityPass):
    """Third pass.  With V̂ = 2πcWFW, Γ̂ = 2πcWAW: F_1 = im Σ w [U(δ_V̂U)† + δ_Γ̂U g U†], C[g_sk] = im[(δ_Γ̂U)†V̂U] + 2πcU†WF_1WU
    − i[h_2, g], h_2 = −¼U†Γ̂ δ_Γ̂U.
    """

    needs = DistributionSums

    @property
    def arrays(self):
        nodes, n, rows = self.problem.axis.number, self.problem.number, len(self._rows)
        return {"fields": (complex, nodes, n, 6 * n), "direct": (float, nodes, rows, 3)}

    @property
    def _rows(self):
        """Which of the rows of the second pass are needed here: both currents, and the number of particles."""
        block = 3 * (3 if self.operator.rank else 1)
        return np.r_[0:block, 2 * block : 3 * block, 4 * block + 3]

    def accumulate(self, states, weight=1.0, out=None):
        values, known, problem = out or self._zeros(), self._known, self.problem
        n = problem.number
        for shells in self.shells(states, weight):
            on_states = turned(shells, known.scatterers)  # q m 9 i
            blocks = inside(shells, on_states[:, :, :5])
            inverse = out_of(shells, blocks[:, 0], blocks[:, 1], problem.extra_rate).swapaxes(1, 2)
            owners, m, q = shells.owners, shells.size, len(shells.owners)
            sides = blocks[:, 2:] + shells.mean_velocities[owners][:, :, None, None] * np.eye(m)
            g = as_matrices(as_vectors(sides) @ inverse)  # q l m m
            second_on, field_on = on_states[:, :, 5], on_states[:, :, 6:].reshape(q, 3 * m, n)  # (Γ̂U)ᵀ, (V̂U)ᵀ
            dressed = (on_states[:, :, 5:].reshape(q, 4 * m, n) @ shells.resolvents[owners]).reshape(q, m, 4, n)
            dressed, by_field = dressed[:, :, 0], dressed[:, :, 1:]  # (δ_Γ̂U)ᵀ, (δ_V̂U)ᵀ
            levels = hermitian_part(-0.25 * (second_on.conj() @ dressed.swapaxes(1, 2)))[:, None]
            skew = (dressed.conj() @ field_on.swapaxes(1, 2)).reshape(q, m, m, 3)
            sides = imaginary_part(np.moveaxis(skew, 3, 1)) - 1j * (levels @ g - g @ levels)
            found = as_vectors(sides) @ inverse  # q l mm
            potential = (by_field.swapaxes(1, 2) - g.swapaxes(2, 3) @ dressed[:, None]).conj()  # q l m i
            on_functions = shells.states[owners]
            both = np.concatenate([potential, as_matrices(found) @ on_functions.conj()[:, None]], axis=1)
            weighted = shells.weights[:, None, None]
            add_by_node(values["fields"], shells, weighted * on_functions, both.swapaxes(1, 2).reshape(q, m, 6 * n))
            rows = np.concatenate([conserved_rows(shells), conventional_rows(shells), number_rows(shells)], axis=1)
            add_by_node(values["direct"], shells, rows.swapaxes(1, 2)[owners], weighted * found.swapaxes(1, 2))
        return values

    def finalize(self, values, system):
        problem, known = self.problem, self._known
        kinds, n, nodes = problem.kinds, problem.number, problem.axis.number
        fields = np.moveaxis(values["fields"].reshape(nodes, n, 6, n), 2, 1)
        first_order = sandwiched(imaginary_part(fields[:, :3]), kinds)
        of_first_order = known.sums @ elements_of(first_order, kinds).swapaxes(1, 2)
        F = problem.elements
        source = elements_of(hermitian_part(fields[:, 3:]), kinds).swapaxes(1, 2) + of_first_order[:, -F:]
        direct = values["direct"] + of_first_order[:, self._rows]
        found = known.equation.solve(source, direct[:, -1])
        totals = direct + known.sums[:, self._rows] @ (incoming(kinds, known.scattering.inward) @ found)
        conserved, conventional = np.split(totals[:, :-1].swapaxes(1, 2), 2, axis=2)
        shape = (nodes, 3, 3, -1)
        own = {"gaussian_skew": conserved.reshape(shape), "conventional_gaussian_skew": conventional.reshape(shape)}
        return known, known.currents | own


def sandwiched(X: np.ndarray, kinds: tuple[Kind, ...]) -> np.ndarray:
    """2πc W X W of all kinds, (..., i, i)."""
    result = np.zeros_like(X)
    for kind in kinds:
        block = (..., kind.rows[:, None], kind.rows)
        result[block] = kind.factor * (kind.potential @ X[block] @ kind.potential)
    return result


def conserved_rows(shells: Shells) -> np.ndarray:
    """½{v^a, s} inside multiplets as vectors (p, a s, m m)."""
    blocks = hermitian_part(shells.velocities[:, :, None] @ shells.operators[:, None])
    return as_vectors(blocks).reshape(len(blocks), -1, shells.size**2)


def conventional_rows(shells: Shells) -> np.ndarray:
    """The conventional current inside multiplets as vectors (p, a s, m m)."""
    return as_vectors(shells.currents).reshape(len(shells.currents), -1, shells.size**2)


def number_rows(shells: Shells) -> np.ndarray:
    """The unit matrix as vector (p, 1, m m)."""
    return np.broadcast_to(np.eye(shells.size).ravel(), (len(shells.own), 1, shells.size**2))
