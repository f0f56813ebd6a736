"""WannierBerri calculators of conserved currents; `CATALOGUE` lists them, `register` adds to it, `Electrons` takes the place of
Fermi levels."""

from ..occupations import Electrons
from . import accumulation, density, dynamic, equilibrium, static, tabulate, thermal
from .catalogue import CATALOGUE, SETS, SUMS, Entry, register
from .occupied import DensityOfStates, NumberOfElectrons

__all__ = [
    "CATALOGUE",
    "SETS",
    "SUMS",
    "DensityOfStates",
    "Electrons",
    "Entry",
    "NumberOfElectrons",
    "accumulation",
    "density",
    "dynamic",
    "equilibrium",
    "register",
    "static",
    "tabulate",
    "thermal",
]
