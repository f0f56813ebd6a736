"""Local observables s whose conserved current is computed: ``operator=`` of every calculator.

"spin" (default), "identity" or "charge" (the same for electrons), "torque" (i[H, s]), "exchange_torque" (that of the exchange),
"orbital_moment" (angular momentum of the states, between atoms too), "orbital_angular_momentum" (that of the atoms' shells),
or what `layer`, `sublattice`, `orbital_angular_momentum`, `projected_spin`, `matrix_operator` and `r_space_operator` return;
`on_functions` makes of any of them the part of an atom or a layer.  Torque and currents follow from the matrix of s.  The
theory takes s to commute with position: so do spin, layer and sublattice, in a truncated Wannier space approximately.  Orbital
angular momentum does not, [L_a, r_b] = i ε_abc r_c, unless the position matrix is left out (``external_terms=False``).
"""

from .angular_momentum import ORBITAL_ANGULAR_MOMENTUM, orbital_angular_momentum
from .base import CHARGE, IDENTITY, SPIN, BandMatrix, Operator, RealSpaceMatrix, get_operator, operator_names
from .local import atoms_of, on_functions
from .matrices import matrix_operator, r_space_operator
from .orbital_moment import ORBITAL_MOMENT
from .projected import projected_spin
from .pseudospin import layer, sublattice
from .spin_orbit import spin_orbit_hamiltonian, with_spin_orbit_strength
from .torque import EXCHANGE_TORQUE, TORQUE, exchange_hamiltonian

__all__ = [
    "CHARGE",
    "EXCHANGE_TORQUE",
    "IDENTITY",
    "ORBITAL_ANGULAR_MOMENTUM",
    "ORBITAL_MOMENT",
    "SPIN",
    "TORQUE",
    "BandMatrix",
    "Operator",
    "RealSpaceMatrix",
    "atoms_of",
    "exchange_hamiltonian",
    "get_operator",
    "layer",
    "matrix_operator",
    "on_functions",
    "operator_names",
    "orbital_angular_momentum",
    "projected_spin",
    "r_space_operator",
    "spin_orbit_hamiltonian",
    "sublattice",
    "with_spin_orbit_strength",
]
