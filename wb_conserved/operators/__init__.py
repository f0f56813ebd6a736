"""Local observables s whose conserved current is computed: ``operator=`` of every calculator.

"spin" (default), "identity" or "charge" (the same for electrons), or what `layer`, `sublattice`, `orbital_angular_momentum`,
`projected_spin`, `matrix_operator` and `r_space_operator` return.  Torque and currents follow from the matrix of s.  The theory
takes s to commute with position: so do spin, layer and sublattice, in a truncated Wannier space approximately.  Orbital angular
momentum does not, [L_a, r_b] = i ε_abc r_c, unless the position matrix is left out (``external_terms=False``).
"""

from .angular_momentum import orbital_angular_momentum
from .base import CHARGE, IDENTITY, SPIN, Operator, RealSpaceMatrix, get_operator
from .matrices import matrix_operator, r_space_operator
from .projected import projected_spin
from .pseudospin import layer, sublattice

__all__ = [
    "CHARGE",
    "IDENTITY",
    "SPIN",
    "Operator",
    "RealSpaceMatrix",
    "get_operator",
    "layer",
    "matrix_operator",
    "orbital_angular_momentum",
    "projected_spin",
    "r_space_operator",
    "sublattice",
]
