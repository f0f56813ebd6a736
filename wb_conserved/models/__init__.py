"""Model systems with known answers: lattice models as WannierBerri ``System_R``, and k·p models."""

from .kp import KPSystem, rashba_gas
from .lattice import lattice_system, random_model, rashba_lattice

__all__ = ["KPSystem", "lattice_system", "random_model", "rashba_gas", "rashba_lattice"]
