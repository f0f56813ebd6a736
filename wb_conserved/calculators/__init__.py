"""WannierBerri calculators of conserved currents; `CATALOGUE` lists them, `register` adds to it."""

from . import equilibrium, static, tabulate, thermal
from .catalogue import CATALOGUE, SUMS, Entry, register
from .occupied import DensityOfStates, NumberOfElectrons

__all__ = [
    "CATALOGUE",
    "SUMS",
    "DensityOfStates",
    "Entry",
    "NumberOfElectrons",
    "equilibrium",
    "register",
    "static",
    "tabulate",
    "thermal",
]
