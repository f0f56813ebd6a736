"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .batches import bloch_batches
from .bloch import BlochBatch
from .wannier import WannierInterpolator

__all__ = ["BlochBatch", "WannierInterpolator", "bloch_batches"]
