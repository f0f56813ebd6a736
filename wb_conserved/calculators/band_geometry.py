"""Band geometry of one batch of k points, as the calculators use it.

Every quantity is computed once, when first needed.  Several multiplet thresholds in one run cost little: a threshold
takes the per-band quantities of the first one that the batch saw, and computes anew only the k points at which the bands
are grouped differently.
"""

from __future__ import annotations

import numpy as np

from .. import geometry
from ..geometry import Multiplets
from ..interpolation import BlochBatch
from ..occupations import Occupation, Spread
from ..operators import Operator

_LARGEST_SHARE = 0.5  # of k points with another grouping, above which everything is computed anew


class BandGeometry:
    """Geometry of one batch for one choice of multiplets, operator and velocity.

    Arrays have the axes that the comments name, k point and bands first: matrices (k, n, ..., m), per-band quantities
    (k, n, ...).  Equations and units: `wb_conserved.geometry`.

    Parameters
    ----------
    batch : BlochBatch
    operator : Operator
    threshold : float
        Multiplet threshold, eV.
    kramers : bool
        Group Kramers pairs.
    external_terms : bool
        Whether the position matrix enters.
    """

    def __init__(self, batch: BlochBatch, operator: Operator, threshold: float, kramers: bool, external_terms: bool):
        self.batch, self.external_terms = batch, external_terms
        self._operator = operator
        self._grouping = (threshold, kramers)
        space = (operator, external_terms)
        # a grouping rather than a band geometry, which would keep the batch that keeps it
        self._first_grouping = batch.remember(("first", *space), lambda: self._grouping)
        # quantities by name, shared with all band geometries of this space, and of this space and grouping
        self._shared = batch.remember(("space", *space), dict)
        self._own = batch.remember(("grouping", *space, *self._grouping), dict)

    def _of_space(self, name, compute):
        """Quantity that no grouping enters."""
        if name not in self._shared:
            self._shared[name] = compute()
        return self._shared[name]

    def _of_grouping(self, name, compute):
        """Quantity of this grouping."""
        if name not in self._own:
            self._own[name] = compute()
        return self._own[name]

    def _per_band(self, name, compute):
        """Per-band quantity of this grouping, `compute` being its function of a band geometry."""

        def assemble():
            if self._grouping == self._first_grouping:
                return compute(self)
            first = BandGeometry(self.batch, self._operator, *self._first_grouping, self.external_terms)
            changed = np.any(self.multiplets.labels != first.multiplets.labels, axis=1)
            if not changed.any():
                return first._per_band(name, compute)
            changed, other = self._of_changed(changed)
            if changed.mean() > _LARGEST_SHARE:
                return compute(self)
            values = first._per_band(name, compute).copy()
            values[changed] = compute(other)
            return values

        return self._of_grouping(name, assemble)

    def _of_changed(self, changed):
        def compute():
            selected, batch = self.batch.selected(changed)
            return selected, BandGeometry(batch, self._operator, *self._grouping, self.external_terms)

        return self._of_grouping("of changed", compute)

    @property
    def _kernels(self):
        """Compiled functions of `wb_conserved.compiled.geometry`, to be called with `_vectors`; None: those of `geometry`."""
        return self.batch.kernels

    @property
    def _vectors(self):
        """Velocity and operator in the layout of the compiled kernels, energies, and labels of the multiplets."""
        velocity = self.batch.vectors_of_velocity(self.external_terms)
        return velocity, self.batch.vectors_of_operator(self._operator), self.batch.energies, self.multiplets.labels

    @property
    def multiplets(self) -> Multiplets:
        """Grouping of the bands."""
        find = (self._kernels or geometry).find_multiplets
        key = ("multiplets", *self._grouping)
        return self.batch.remember(key, lambda: find(self.batch.energies, *self._grouping))

    def spread(self, occupation: Occupation) -> Spread:
        """Multiplets on the energy axis of an occupation."""
        return self.batch.remember(
            ("spread", occupation.key, *self._grouping), lambda: occupation.spread(self.multiplets.energies)
        )

    @property
    def operator(self):
        """s (k, n, s, m)."""
        return self.batch.operator(self._operator)

    @property
    def velocity(self):
        """v^a (k, n, a, m)."""
        return self.batch.velocity(self.external_terms)

    @property
    def current(self):
        """J^{is} (k, n, i, s, m)."""
        return self._of_space("J", lambda: geometry.operator_current(self.velocity, self.operator))

    def spin_current(self, kind):
        """Conventional spin current (k, n, i, s, m): "projected", which is `current`, "qiao" or "ryoo"."""
        if kind == "projected":
            return self.current

        def compute():
            batch, scale = self.batch, self._operator.scale
            common = batch.energies, batch.matrix("∂Ham"), scale * batch.matrix("SS")
            if kind == "ryoo":
                return geometry.ryoo_current(*common, scale * batch.matrix("SA"), scale * batch.matrix("SHA"))
            others = (scale * batch.matrix(name) for name in ("SR", "SH", "SHR"))
            return geometry.qiao_current(*common, *others)

        return self._of_space(f"J {kind}", compute)

    def spin_berry_curvature(self, kind):
        """Ω^{lis} with a spin current of that kind (k, n, i, l, s)."""
        if kind == "projected":
            return self.operator_berry_curvature

        def compute(g):
            return geometry.operator_berry_curvature(g.velocity, g.spin_current(kind), g.gap)

        return self._per_band(f"Ω^s {kind}", compute)

    @property
    def torque(self):
        """τ (k, n, s, m)."""
        return self._of_space("τ", lambda: geometry.torque(self.batch.energies, self.operator))

    @property
    def torque_derivative(self):
        """∂_a τ (k, n, a, s, m)."""
        return self._of_space("∂τ", lambda: geometry.torque_derivative(self.velocity, self.operator))

    @property
    def gap(self):
        """1/(ε_n − ε_m) of individual energies (k, n, m)."""
        return self._of_grouping("gap", lambda: geometry.inverse_gap(self.batch.energies, self.multiplets.same))

    @property
    def mean_gap(self):
        """1/(ε_n − ε_m) of multiplet means (k, n, m)."""

        def compute():
            return geometry.inverse_gap(self.multiplets.energies, self.multiplets.same)

        return self._of_grouping("mean gap", compute)

    @property
    def mean_velocity(self):
        """v̄^a (k, n, a)."""

        def compute():
            if self._kernels is not None:
                return self.multiplets.mean(self.batch.diagonal_velocity(self.external_terms))
            return geometry.multiplet_velocity(self.velocity, self.multiplets)

        return self._of_grouping("v̄", compute)

    @property
    def connection(self):
        """A^a (k, n, a, m)."""
        return self._of_grouping("A", lambda: geometry.interband_connection(self.velocity, self.gap))

    @property
    def diagonal_current(self):
        """J^{is} (k, n, i, s)."""
        return self._of_space("J_nn", lambda: geometry.diagonal(self.current))

    @property
    def operator_berry_curvature(self):
        """Ω^{lis} (k, n, i, l, s)."""

        def compute(g):
            if g._kernels is not None:
                return g._kernels.operator_berry_curvature(*g._vectors)
            return geometry.operator_berry_curvature(g.velocity, g.current, g.gap)

        return self._per_band("Ω^s", compute)

    @property
    def operator_dipole(self):
        """d^{is} (k, n, i, s)."""

        def compute(g):
            if g._kernels is not None:
                return g._kernels.operator_dipole(*g._vectors)
            return geometry.operator_dipole(g.connection, g.operator)

        return self._per_band("d", compute)

    @property
    def berry_curvature_times_operator(self):
        """Ωs^{li} (k, n, i, l, s)."""

        def compute(g):
            if g._kernels is not None:
                outside = [g.batch.vectors_of_matrix(name) for name in ("AA", "rot AA") if g.external_terms]
                return g._kernels.berry_curvature_times_operator(*g._vectors, *outside)
            subspace = g.batch.subspace() if g.external_terms else None
            return geometry.berry_curvature_times_operator(g.connection, g.operator, g.multiplets.same, subspace)

        return self._per_band("Ωs", compute)

    @property
    def dipole_velocity(self):
        """d^{is} v̄^l (k, n, i, l, s)."""

        def compute(g):
            if g._kernels is not None:
                return g._kernels.dipole_velocity(*g._vectors, g.mean_velocity)
            return g.operator_dipole[:, :, :, None, :] * g.mean_velocity[:, :, None, :, None]

        return self._per_band("d v̄", compute)

    @property
    def kubo_sea(self):
        """K^{ils} (k, n, i, l, s)."""

        def compute(g):
            if g._kernels is not None:
                return g._kernels.kubo_conserved_sea(*g._vectors, g.multiplets.energies, g.mean_velocity)
            return geometry.kubo_conserved_sea(g.velocity, g.operator, g.connection, g.mean_gap, g.mean_velocity)

        return self._per_band("K", compute)

    @property
    def kubo_surface(self):
        """S^{ils} (k, n, i, l, s)."""

        def compute(g):
            if g._kernels is not None:
                return g._kernels.kubo_conserved_surface(*g._vectors, g.multiplets.energies, g.mean_velocity)
            return geometry.kubo_conserved_surface(g.velocity, g.operator, g.mean_gap, g.mean_velocity)

        return self._per_band("S", compute)

    @property
    def current_dipole(self):
        """d^{lis} (k, n, l, i, s)."""
        return self._per_band("d^l", lambda g: geometry.current_dipole(g.connection, g.current))

    @property
    def orbital_moment(self):
        """m^s (k, n, a, s)."""

        def compute(g):
            return geometry.orbital_moment(g.connection, g.current, g.operator, g.velocity, g.multiplets.same)

        return self._per_band("m", compute)

    @property
    def torque_dipole(self):
        """d^{iτ} (k, n, i, s)."""
        return self._per_band("d^τ", lambda g: geometry.torque_dipole(g.connection, g.torque))

    @property
    def torque_berry_curvature(self):
        """Ω^{iτ} (k, n, i, s)."""
        return self._per_band("Ω^τ", lambda g: geometry.torque_berry_curvature(g.velocity, g.torque, g.gap))

    @property
    def torque_quadrupole(self):
        """q^{ilτ} (k, n, i, l, s)."""

        def compute(g):
            return geometry.torque_quadrupole(g.connection, g.torque, g.torque_derivative)

        return self._per_band("q", compute)

    @property
    def dipole_derivative(self):
        """∂_{k_l} d^{is} (k, n, l, i, s)."""

        def compute(g):
            gradient = geometry.connection_derivative(
                g.connection, g.velocity, g.batch.velocity_derivative(g.external_terms), g.gap, g.multiplets.same
            )
            return geometry.dipole_derivative(g.connection, gradient, g.operator)

        return self._per_band("∂d", compute)

    @property
    def torque_dipole_polarizability(self):
        """χ^{ilτ} (k, n, i, l, s)."""

        def compute(g):
            return geometry.torque_dipole_polarizability(
                g.dipole_derivative, g.berry_curvature_times_operator, g.operator_berry_curvature
            )

        return self._per_band("χ", compute)

    @property
    def conserved_current_velocity(self):
        """tr_M(v^i_M s_M) v̄^l (k, n, i, l, s)."""

        def compute(g):
            current = geometry.block_product_trace(g.velocity, geometry.inside(g.operator, g.multiplets.same))
            return current[:, :, :, None, :] * g.mean_velocity[:, :, None, :, None]

        return self._per_band("v s v̄", compute)
