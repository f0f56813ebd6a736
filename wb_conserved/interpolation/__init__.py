"""From a WannierBerri system to matrices in the Hamiltonian gauge, in batches of k points."""

from .bloch import BlochBatch, bloch_batches
from .wannier import WannierInterpolator

__all__ = ["BlochBatch", "WannierInterpolator", "bloch_batches"]
