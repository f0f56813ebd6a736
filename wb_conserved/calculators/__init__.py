"""WannierBerri calculators of conserved currents."""

from . import static

__all__ = ["static"]
