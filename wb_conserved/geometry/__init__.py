"""Band geometry: the equations of the theory as pure functions on plain arrays.

Conventions of every module here
--------------------------------
ħ = 1, energies in eV, lengths in Å.  Operator matrices in the Hamiltonian gauge are stored as ``X[k, n, ..., m]``:
the bra n directly after the k point, the ket m last and Cartesian axes between them, so that a product of two
operators, with all their components, is one matrix product per k point.  Results are "per band": ``Q[k, n, ...]``
is the contribution of row n to the trace over n's multiplet.  Only the sum over the bands of a multiplet means
anything, and every occupation gives one weight to a whole multiplet, so that such sums are all that is ever used.

Only operations of the Python array API standard appear, and no loop over k points, bands or multiplets.
"""

from .algebra import diagonal, inside
from .berry import (
    berry_curvature_times_operator,
    cyclic_products,
    operator_berry_curvature,
    operator_current,
    operator_dipole,
)
from .derivatives import (
    connection_derivative,
    covariant_derivative,
    dipole_derivative,
    interband_torque_dipole,
    torque_dipole_polarizability,
    torque_dipole_polarizability_of_bands,
)
from .kubo import kubo_conserved_sea, kubo_conserved_surface
from .moments import axial_vector, block_product_trace, current_dipole, dipole_times_velocity, orbital_moment
from .multiplets import Multiplets, find_multiplets, interband_connection, inverse_gap, multiplet_velocity
from .spin_current import qiao_current, ryoo_current
from .torque import torque, torque_berry_curvature, torque_derivative, torque_dipole, torque_quadrupole

__all__ = [
    "Multiplets",
    "axial_vector",
    "berry_curvature_times_operator",
    "block_product_trace",
    "connection_derivative",
    "covariant_derivative",
    "current_dipole",
    "cyclic_products",
    "diagonal",
    "dipole_derivative",
    "dipole_times_velocity",
    "find_multiplets",
    "inside",
    "interband_connection",
    "interband_torque_dipole",
    "inverse_gap",
    "kubo_conserved_sea",
    "kubo_conserved_surface",
    "multiplet_velocity",
    "operator_berry_curvature",
    "operator_current",
    "operator_dipole",
    "orbital_moment",
    "qiao_current",
    "ryoo_current",
    "torque",
    "torque_berry_curvature",
    "torque_derivative",
    "torque_dipole",
    "torque_dipole_polarizability",
    "torque_dipole_polarizability_of_bands",
    "torque_quadrupole",
]
