"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .batches import BlochStates, states_of
from .bloch import BlochBatch
from .wannier import WannierInterpolator

__all__ = ["BlochBatch", "BlochStates", "WannierInterpolator", "states_of"]
