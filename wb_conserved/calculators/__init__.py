"""WannierBerri calculators of conserved currents; `CATALOGUE` lists them."""

from . import equilibrium, static, tabulate, thermal
from .catalogue import CATALOGUE, SUMS, Entry
from .occupied import DensityOfStates, NumberOfElectrons

__all__ = [
    "CATALOGUE",
    "SUMS",
    "DensityOfStates",
    "Entry",
    "NumberOfElectrons",
    "equilibrium",
    "static",
    "tabulate",
    "thermal",
]
