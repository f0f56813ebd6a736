"""Band geometry of one batch of k points, as the calculators use it: every quantity computed once, when first needed."""

from __future__ import annotations

from .. import geometry
from ..geometry import Multiplets
from ..interpolation import BlochBatch
from ..operators import Operator


class BandGeometry:
    """Geometry of one batch for one choice of multiplets, operator and velocity; everything is computed once."""

    def __init__(self, batch: BlochBatch, operator: Operator, threshold: float, kramers: bool, external_terms: bool):
        self.batch, self.external_terms = batch, external_terms
        self._operator = operator
        self._multiplet_key = (threshold, kramers)
        self._key = (operator, threshold, kramers, external_terms)

    def _remember(self, name, compute):
        return self.batch.remember((name, *self._key), compute)

    @property
    def multiplets(self) -> Multiplets:
        key = ("multiplets", *self._multiplet_key)
        return self.batch.remember(key, lambda: geometry.find_multiplets(self.batch.energies, *self._multiplet_key))

    @property
    def operator(self):
        return self.batch.operator(self._operator)

    @property
    def velocity(self):
        return self.batch.velocity(self.external_terms)

    @property
    def gap(self):
        return self._remember("gap", lambda: geometry.inverse_gap(self.batch.energies, self.multiplets.same))

    @property
    def mean_gap(self):
        return self._remember("mean gap", lambda: geometry.inverse_gap(self.multiplets.energies, self.multiplets.same))

    @property
    def mean_velocity(self):
        return self._remember("v̄", lambda: geometry.multiplet_velocity(self.velocity, self.multiplets))

    @property
    def connection(self):
        return self._remember("A", lambda: geometry.interband_connection(self.velocity, self.gap))

    @property
    def operator_berry_curvature(self):
        """Ω^{lis} (k, n, i, l, s)."""

        def compute():
            return geometry.operator_berry_curvature(self.velocity, self.current, self.gap)

        return self._remember("Ω^s", compute)

    @property
    def berry_curvature_times_operator(self):
        """Ωs^{li} (k, n, i, l, s)."""

        def compute():
            curvature = self.batch.subspace_curvature() if self.external_terms else None
            return geometry.berry_curvature_times_operator(
                self.connection, self.operator, self.multiplets.same, curvature
            )

        return self._remember("Ωs", compute)

    @property
    def operator_dipole(self):
        """d^{is} (k, n, i, s)."""
        return self._remember("d", lambda: geometry.operator_dipole(self.connection, self.operator))

    @property
    def dipole_velocity(self):
        """d^{is} v̄^l (k, n, i, l, s)."""

        def compute():
            return self.operator_dipole[:, :, :, None, :] * self.mean_velocity[:, :, None, :, None]

        return self._remember("d v̄", compute)

    @property
    def kubo_sea(self):
        return self._remember(
            "K",
            lambda: geometry.kubo_conserved_sea(
                self.velocity, self.operator, self.connection, self.mean_gap, self.mean_velocity
            ),
        )

    @property
    def kubo_surface(self):
        return self._remember(
            "S",
            lambda: geometry.kubo_conserved_surface(self.velocity, self.operator, self.mean_gap, self.mean_velocity),
        )

    @property
    def current(self):
        """J^{is} (k, n, i, s, m)."""
        return self._remember("J", lambda: geometry.operator_current(self.velocity, self.operator))

    @property
    def current_dipole(self):
        """d^{lis} (k, n, l, i, s)."""
        return self._remember("d^l", lambda: geometry.current_dipole(self.connection, self.current))

    @property
    def orbital_moment(self):
        """m^s (k, n, a, s)."""
        arguments = self.connection, self.current, self.operator, self.velocity, self.multiplets.same
        return self._remember("m", lambda: geometry.orbital_moment(*arguments))

    @property
    def torque(self):
        return self._remember("τ", lambda: geometry.torque(self.batch.energies, self.operator))

    @property
    def torque_dipole(self):
        """d^{iτ} (k, n, i, s)."""
        return self._remember("d^τ", lambda: geometry.torque_dipole(self.connection, self.torque))

    @property
    def torque_berry_curvature(self):
        """Ω^{iτ} (k, n, i, s)."""
        return self._remember("Ω^τ", lambda: geometry.torque_berry_curvature(self.velocity, self.torque, self.gap))

    @property
    def torque_derivative(self):
        """∂_a τ (k, n, a, s, m)."""
        return self._remember("∂τ", lambda: geometry.torque_derivative(self.velocity, self.operator))

    @property
    def torque_quadrupole(self):
        """q^{ilτ} (k, n, i, l, s)."""

        def compute():
            return geometry.torque_quadrupole(self.connection, self.torque, self.torque_derivative)

        return self._remember("q", compute)

    @property
    def dipole_derivative(self):
        """∂_{k_l} d^{is} (k, n, l, i, s)."""

        def compute():
            gradient = geometry.connection_derivative(
                self.connection,
                self.velocity,
                self.batch.velocity_derivative(self.external_terms),
                self.gap,
                self.multiplets.same,
            )
            return geometry.dipole_derivative(self.connection, gradient, self.operator)

        return self._remember("∂d", compute)

    @property
    def torque_dipole_polarizability(self):
        """χ^{ilτ} (k, n, i, l, s)."""

        def compute():
            return geometry.torque_dipole_polarizability(
                self.dipole_derivative, self.berry_curvature_times_operator, self.operator_berry_curvature
            )

        return self._remember("χ", compute)

    @property
    def conserved_current_velocity(self):
        """tr_M(v^i_M s_M) v̄^l (k, n, i, l, s)."""

        def compute():
            inside = self.operator * self.multiplets.same[:, :, None, :]
            current = geometry.block_product_trace(self.velocity, inside)
            return current[:, :, :, None, :] * self.mean_velocity[:, :, None, :, None]

        return self._remember("v s v̄", compute)

    @property
    def diagonal_current(self):
        """J^{is} per band (k, n, i, s)."""
        return self._remember("J_nn", lambda: geometry.diagonal(self.current))
