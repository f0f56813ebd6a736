"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .batches import bloch_batches
from .bloch import BlochBatch
from .eigensolvers import HERMITIAN, PARAUNITARY, Eigensolver, HermitianSolver, ParaunitarySolver
from .wannier import WannierInterpolator

__all__ = [
    "HERMITIAN",
    "PARAUNITARY",
    "BlochBatch",
    "Eigensolver",
    "HermitianSolver",
    "ParaunitarySolver",
    "WannierInterpolator",
    "bloch_batches",
]
