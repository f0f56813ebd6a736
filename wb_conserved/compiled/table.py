"""The kernels as a table: a function of a band geometry for each quantity that a kernel computes.

A batch whose matrices are in the layout of the kernels offers this table as its `kernels`; the NumPy functions of
`wb_conserved.calculators.band_quantities` are used for what is not in it.
"""

from __future__ import annotations

from . import geometry


def _vectors(g):
    """Velocity and operator in the layout of the kernels, energies, and labels of the multiplets."""
    velocity = g.batch.vectors_of_velocity(g.external_terms)
    return velocity, g.vectors_of_operator(), g.batch.energies, g.multiplets.labels


def _berry_curvature_times_operator(g):
    outside = [g.batch.vectors_of_matrix(name) for name in ("AA", "rot AA") if g.external_terms]
    return geometry.berry_curvature_times_operator(*_vectors(g), *outside)


KERNELS = {
    "multiplets": lambda g: geometry.find_multiplets(g.batch.energies, *g.grouping),
    "mean_velocity": lambda g: g.multiplets.mean(g.batch.diagonal_velocity(g.external_terms)),
    "operator_berry_curvature": lambda g: geometry.operator_berry_curvature(*_vectors(g)),
    "operator_dipole": lambda g: geometry.operator_dipole(*_vectors(g)),
    "berry_curvature_times_operator": _berry_curvature_times_operator,
    "dipole_velocity": lambda g: geometry.dipole_velocity(*_vectors(g), g.mean_velocity),
    "kubo_sea": lambda g: geometry.kubo_conserved_sea(*_vectors(g), g.multiplets.energies, g.mean_velocity),
    "kubo_surface": lambda g: geometry.kubo_conserved_surface(*_vectors(g), g.multiplets.energies, g.mean_velocity),
}
"""Kernel of each per-band quantity by its name."""
