"""WannierBerri calculators of conserved currents; `CATALOGUE` lists them, `register` adds to it, `Electrons` takes the place of
Fermi levels."""

from ..occupations import Electrons
from . import accumulation, density, dynamic, equilibrium, impurities, quasiparticles, static, tabulate, thermal
from .catalogue import CATALOGUE, IMPURITIES, OVER_LEVELS, SETS, SUMS, WITH_IMPURITIES, Entry, register
from .occupied import DensityOfStates, NumberOfElectrons

__all__ = [
    "CATALOGUE",
    "IMPURITIES",
    "OVER_LEVELS",
    "SETS",
    "SUMS",
    "WITH_IMPURITIES",
    "DensityOfStates",
    "Electrons",
    "Entry",
    "NumberOfElectrons",
    "accumulation",
    "density",
    "dynamic",
    "equilibrium",
    "impurities",
    "quasiparticles",
    "register",
    "static",
    "tabulate",
    "thermal",
]
