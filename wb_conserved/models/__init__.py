"""Model systems with known answers: lattice models as WannierBerri ``System_R``, and k·p models."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .continuum import massive_dirac, rashba_ferromagnet
from .holes import heavy_holes, luttinger_holes
from .insulators import bhz, kane_mele, kramers_degenerate
from .kp import KPSystem, rashba_gas
from .lattice import lattice_system, random_model, rashba_lattice
from .supercell import supercell

MODELS: Mapping[str, Callable] = MappingProxyType(
    {
        model.__name__: model
        for model in (
            rashba_gas, rashba_ferromagnet, massive_dirac, rashba_lattice, kane_mele, bhz, kramers_degenerate, random_model,
        )
    }
)  # fmt: skip
"""Models by name, which input files may ask for; their arguments are numbers with defaults."""

__all__ = [
    "MODELS",
    "KPSystem",
    "bhz",
    "heavy_holes",
    "kane_mele",
    "kramers_degenerate",
    "lattice_system",
    "luttinger_holes",
    "massive_dirac",
    "random_model",
    "rashba_ferromagnet",
    "rashba_gas",
    "rashba_lattice",
    "supercell",
]
