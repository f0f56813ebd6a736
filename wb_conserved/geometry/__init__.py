"""Band geometry: the equations of the theory as pure functions on plain arrays.

Conventions of every module here
--------------------------------
ħ = 1, energies in eV, lengths in Å.  Operator matrices in the Hamiltonian gauge are stored as ``X[k, n, ..., m]``:
the bra n directly after the k point, the ket m last and Cartesian axes between them, so that a product of two
operators, with all their components, is one matrix product per k point.  Results are "per band": ``Q[k, n, ...]``
is the contribution of row n to the trace over n's multiplet.  Only the sum over the bands of a multiplet means
anything, and every occupation gives one weight to a whole multiplet, so that such sums are all that is ever used.

Metric
------
Quasiparticles of bosons (magnons, phonons: "XN", outlook; J. H. P. Colpa, Physica A 93, 327 (1978)) are eigenvectors T of
ηH, T†ηT = η, with signs η of the basis (particles +1, holes −1) and, after the energies, of the bands.  Operators act in
the biorthogonal basis, in which a Hermitian form ½ Ψ†XΨ has the matrix X̂ and the band the energy ε̂,

    X̂_nm = η_n (T†XT)_nm,   ε̂_n = η_n E_n,   X̂_mn = η_n η_m conj(X̂_nm).

All equations hold with X̂ in the place of X and ε̂ in the place of ε.  What changes is the meaning of the adjoint,
X†_nm = η_n η_m conj(X_mn), and so of "Hermitian" and "Hermitian part", in every module.  Functions in which it occurs take
``metric``: the signs η_n, an array (n,) of ±1, the same at all k points.  Bands stand in ascending order of ε̂, so that
those of negative norm come first, and no multiplet should mix both signs: keep the threshold below twice the smallest E.
None, the metric of electrons, is 1, and costs nothing.

Only operations of the Python array API standard appear, and no loop over k points, bands or multiplets.
"""

from .algebra import diagonal, inside
from .berry import (
    berry_curvature_times_operator,
    curvature_of_currents,
    cyclic_products,
    operator_berry_curvature,
    operator_current,
    operator_dipole,
    proper_curvature,
)
from .derivatives import (
    connection_derivative,
    covariant_derivative,
    dipole_derivative,
    torque_dipole_polarizability,
)
from .dynamic import dynamic_curvature, dynamic_kubo, frequency_factors
from .kubo import kubo_conserved_sea, kubo_conserved_surface
from .moments import (
    accumulation_in_gradient,
    axial_vector,
    block_product_trace,
    current_dipole,
    dipole_times_velocity,
    orbital_moment,
    outside_moment,
)
from .multiplets import Multiplets, find_multiplets, interband_connection, inverse_gap, multiplet_velocity
from .spin_current import qiao_current, ryoo_current
from .torque import torque, torque_berry_curvature, torque_derivative, torque_dipole, torque_quadrupole

__all__ = [
    "Multiplets",
    "accumulation_in_gradient",
    "axial_vector",
    "berry_curvature_times_operator",
    "block_product_trace",
    "connection_derivative",
    "covariant_derivative",
    "current_dipole",
    "curvature_of_currents",
    "cyclic_products",
    "diagonal",
    "dipole_derivative",
    "dipole_times_velocity",
    "dynamic_curvature",
    "dynamic_kubo",
    "find_multiplets",
    "frequency_factors",
    "inside",
    "interband_connection",
    "inverse_gap",
    "kubo_conserved_sea",
    "kubo_conserved_surface",
    "multiplet_velocity",
    "operator_berry_curvature",
    "operator_current",
    "operator_dipole",
    "orbital_moment",
    "outside_moment",
    "proper_curvature",
    "qiao_current",
    "ryoo_current",
    "torque",
    "torque_berry_curvature",
    "torque_derivative",
    "torque_dipole",
    "torque_dipole_polarizability",
    "torque_quadrupole",
]
