"""Per-band quantities by name: the NumPy function of each, which defines it; equations and units in `wb_conserved.geometry`.

A function decorated with `per_band`, `of_grouping` or `of_space` takes a `BandGeometry` g and becomes its attribute of the
same name.  A batch may offer a faster function under the same name (`BlochBatch.kernels`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import geometry
from ..errors import InputError
from ..geometry.spin_current import SPIN_CURRENTS

QUANTITIES: dict[str, Quantity] = {}
"""Every quantity by its name: the one list."""


class Quantity:
    """A quantity that a band geometry computes once, when it is first needed.

    Attributes
    ----------
    name : str
    compute : callable
        Takes a `BandGeometry`.
    grouping : bool
        Whether it depends on how bands are grouped into multiplets.
    per_band : bool
        Whether it has a row for each band, (k, n, ...), which depends on the multiplets of that k point alone.
    """

    def __init__(self, compute: Callable[[Any], Any], *, grouping: bool, per_band: bool):
        self.name, self.compute = compute.__name__, compute
        self.grouping, self.per_band = grouping, per_band


def per_band(function):
    """Enter a per-band quantity (k, n, ...)."""
    return _entered(Quantity(function, grouping=True, per_band=True))


def of_grouping(function):
    """Enter a matrix that depends on the multiplets."""
    return _entered(Quantity(function, grouping=True, per_band=False))


def of_space(function):
    """Enter a quantity that no grouping enters."""
    return _entered(Quantity(function, grouping=False, per_band=False))


def _entered(quantity):
    if quantity.name in QUANTITIES:
        raise InputError("name", "one that no other quantity has", repr(quantity.name))
    QUANTITIES[quantity.name] = quantity
    return quantity.compute


@of_space
def current(g):
    """J^{is} (k, n, i, s, m)."""
    return geometry.operator_current(g.velocity, g.operator, metric=g.metric)


@of_space
def diagonal_current(g):
    """J^{is} (k, n, i, s)."""
    return geometry.diagonal(g.current)


@of_space
def torque(g):
    """τ (k, n, s, m)."""
    return geometry.torque(g.energies, g.operator)


@of_space
def torque_derivative(g):
    """∂_a τ (k, n, a, s, m)."""
    return geometry.torque_derivative(g.velocity, g.operator, metric=g.metric)


@of_grouping
def gap(g):
    """1/(ε_n − ε_m) of individual energies (k, n, m)."""
    return geometry.inverse_gap(g.energies, g.multiplets.same)


@of_grouping
def mean_gap(g):
    """1/(ε_n − ε_m) of multiplet means (k, n, m)."""
    return geometry.inverse_gap(g.multiplets.energies, g.multiplets.same)


@of_grouping
def connection(g):
    """A^a (k, n, a, m)."""
    return geometry.interband_connection(g.velocity, g.gap)


@of_grouping
def mean_velocity(g):
    """v̄^a (k, n, a)."""
    return geometry.multiplet_velocity(g.velocity, g.multiplets)


@per_band
def expectation(g):
    """s (k, n, s)."""
    return geometry.diagonal(g.operator)


@per_band
def operator_berry_curvature(g):
    """Ω^{lis} (k, n, i, l, s)."""
    return geometry.operator_berry_curvature(g.velocity, g.current, g.gap, metric=g.metric)


def spin_current(g, kind: str):
    """Conventional spin current (k, n, i, s, m) of a kind of `SPIN_CURRENTS`."""
    made_by = SPIN_CURRENTS[kind]
    if made_by.compute is None:
        return g.current
    scale = g.observable.scale

    def compute(g):
        matrices = (scale * g.batch.matrix(name) for name in ("SS", *made_by.matrices))
        return made_by.compute(g.energies, g.batch.matrix("∂Ham"), *matrices)

    return g.quantity(Quantity(compute, grouping=False, per_band=False), f"spin current {kind}")


def spin_berry_curvature(g, kind: str):
    """Ω^{lis} (k, n, i, l, s) with a spin current of a kind of `SPIN_CURRENTS`."""
    if SPIN_CURRENTS[kind].compute is None:
        return g.operator_berry_curvature

    def compute(g):
        return geometry.operator_berry_curvature(g.velocity, spin_current(g, kind), g.gap, metric=g.metric)

    return g.quantity(Quantity(compute, grouping=True, per_band=True), f"Berry curvature {kind}")


@per_band
def operator_dipole(g):
    """d^{is} (k, n, i, s)."""
    return geometry.operator_dipole(g.connection, g.operator, metric=g.metric)


@per_band
def berry_curvature_times_operator(g):
    """Ωs^{li} (k, n, i, l, s)."""
    subspace = g.batch.subspace() if g.external_terms else None
    return geometry.berry_curvature_times_operator(g.connection, g.operator, g.multiplets.same, subspace, metric=g.metric)


@per_band
def proper_curvature(g):
    """P^{ils} (k, n, i, l, s)."""
    return geometry.proper_curvature(g.connection, g.operator, g.multiplets.same, metric=g.metric)


@per_band
def dipole_velocity(g):
    """d^{is} v̄^l (k, n, i, l, s)."""
    return g.operator_dipole[:, :, :, None, :] * g.mean_velocity[:, :, None, :, None]


@per_band
def expectation_velocity(g):
    """s v̄^l (k, n, l, s)."""
    return g.expectation[:, :, None, :] * g.mean_velocity[:, :, :, None]


@per_band
def kubo_sea(g):
    """K^{ils} (k, n, i, l, s)."""
    return geometry.kubo_conserved_sea(g.velocity, g.operator, g.connection, g.mean_gap, g.mean_velocity, metric=g.metric)


@per_band
def kubo_surface(g):
    """S^{ils} (k, n, i, l, s)."""
    return geometry.kubo_conserved_surface(g.velocity, g.operator, g.mean_gap, g.mean_velocity, metric=g.metric)


@per_band
def current_dipole(g):
    """d^{lis} (k, n, l, i, s)."""
    return geometry.current_dipole(g.connection, g.current, metric=g.metric)


@per_band
def orbital_moment(g):
    """m^s (k, n, a, s)."""
    return geometry.orbital_moment(g.connection, g.current, g.operator, g.velocity, g.multiplets.same, metric=g.metric)


@per_band
def outside_moment(g):
    """m' (k, n, c, 1)."""
    return geometry.outside_moment(g.energies, g.connection, *(g.batch.matrix(name) for name in ("HQ", "QHQ", "QQ")))


@per_band
def interband_moment(g):
    """m₁ = ½ Re Σ A × J^s (k, n, a, s)."""
    return 0.5 * geometry.axial_vector(g.current_dipole)


@per_band
def circuit_moment(g):
    """m₂ = ½ Re tr_M(d^s_M × v_M) (k, n, a, s)."""
    blocks = geometry.dipole_times_velocity(g.connection, g.operator, g.velocity, g.multiplets.same, metric=g.metric)
    return 0.5 * geometry.axial_vector(blocks)


@per_band
def curvature_of_currents(g):
    """Ω^{ilbs} (k, n, i, l, b, s)."""
    return geometry.curvature_of_currents(g.current, g.gap, metric=g.metric)


@per_band
def operator_polarizability(g):
    """−2 Im Σ v^l_nm s_mn/(ε_n − ε_m)² (k, n, l, s)."""
    return geometry.torque_berry_curvature(g.velocity, g.operator, g.gap, metric=g.metric)


@per_band
def operator_velocity(g):
    """s v̄^l (k, n, l, s)."""
    return g.mean_velocity[:, :, :, None] * g.expectation[:, :, None, :]


@per_band
def accumulation_in_gradient(g):
    """a^{ils} (k, n, i, l, s)."""
    return geometry.accumulation_in_gradient(g.connection, g.operator, g.velocity, g.multiplets.same, metric=g.metric)


@per_band
def torque_dipole(g):
    """d^{iτ} (k, n, i, s)."""
    return geometry.torque_dipole(g.connection, g.torque, metric=g.metric)


@per_band
def torque_berry_curvature(g):
    """Ω^{iτ} (k, n, i, s)."""
    return geometry.torque_berry_curvature(g.velocity, g.torque, g.gap, metric=g.metric)


@per_band
def torque_quadrupole(g):
    """q^{ilτ} (k, n, i, l, s)."""
    return geometry.torque_quadrupole(g.connection, g.torque, g.torque_derivative, metric=g.metric)


@per_band
def dipole_derivative(g):
    """∂_{k_l} d^{is} (k, n, l, i, s)."""
    gradient = geometry.connection_derivative(
        g.connection, g.velocity, g.batch.velocity_derivative(g.external_terms), g.gap, g.multiplets.same, metric=g.metric
    )
    return geometry.dipole_derivative(g.connection, gradient, g.operator, metric=g.metric)


@per_band
def torque_dipole_polarizability(g):
    """χ^{ilτ} (k, n, i, l, s)."""
    return geometry.torque_dipole_polarizability(
        g.dipole_derivative, g.berry_curvature_times_operator, g.operator_berry_curvature
    )


@per_band
def conserved_current_velocity(g):
    """tr_M(v^i_M s_M) v̄^l (k, n, i, l, s)."""
    conserved = geometry.block_product_trace(g.velocity, geometry.inside(g.operator, g.multiplets.same), metric=g.metric)
    return conserved[:, :, :, None, :] * g.mean_velocity[:, :, None, :, None]
