"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .arrays import ArrayBatch
from .batches import bloch_batches
from .bloch import BlochBatch
from .eigensolvers import HERMITIAN, PARAUNITARY, Eigensolver, HermitianSolver, ParaunitarySolver
from .wannier import WannierInterpolator

__all__ = [
    "HERMITIAN",
    "PARAUNITARY",
    "ArrayBatch",
    "BlochBatch",
    "Eigensolver",
    "HermitianSolver",
    "ParaunitarySolver",
    "WannierInterpolator",
    "bloch_batches",
]
