"""WannierBerri calculators of conserved currents."""

from . import equilibrium, static, tabulate, thermal

__all__ = ["equilibrium", "static", "tabulate", "thermal"]
