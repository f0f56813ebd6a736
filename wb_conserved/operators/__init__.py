"""Local observables s whose conserved current is computed: ``operator=`` of every calculator.

"spin" (default), "identity" or its other name "charge", or what `layer`, `sublattice`, `orbital_angular_momentum`,
`matrix_operator` and `r_space_operator` return.  Torque and currents follow from the matrix of s; s is taken to commute
with position, which holds for functions of position, for matrices on one site, and approximately for spin.
"""

from .angular_momentum import orbital_angular_momentum
from .base import IDENTITY, SPIN, Operator, RealSpaceMatrix, get_operator
from .matrices import matrix_operator, r_space_operator
from .pseudospin import layer, sublattice

__all__ = [
    "IDENTITY",
    "SPIN",
    "Operator",
    "RealSpaceMatrix",
    "get_operator",
    "layer",
    "matrix_operator",
    "orbital_angular_momentum",
    "r_space_operator",
    "sublattice",
]
