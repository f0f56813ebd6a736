"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .arrays import ArrayBatch
from .batches import BlochStates, states_of
from .bloch import BlochBatch
from .eigensolvers import HERMITIAN, PARAUNITARY, Eigensolver, HermitianSolver, ParaunitarySolver
from .particles import ELECTRONS, Particles, particles_of
from .wannier import WannierInterpolator

__all__ = [
    "ELECTRONS",
    "HERMITIAN",
    "PARAUNITARY",
    "ArrayBatch",
    "BlochBatch",
    "BlochStates",
    "Eigensolver",
    "HermitianSolver",
    "ParaunitarySolver",
    "Particles",
    "WannierInterpolator",
    "particles_of",
    "states_of",
]
