"""WannierBerri calculators of conserved currents."""

from . import equilibrium, static, thermal

__all__ = ["equilibrium", "static", "thermal"]
