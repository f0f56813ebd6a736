"""WannierBerri calculators of conserved currents; `CATALOGUE` lists them, `register` adds to it, `Electrons` takes the place of
Fermi levels."""

from ..occupations import Electrons
from . import equilibrium, quasiparticles, static, tabulate, thermal
from .catalogue import CATALOGUE, SUMS, Entry, register
from .occupied import DensityOfStates, NumberOfElectrons

__all__ = [
    "CATALOGUE",
    "SUMS",
    "DensityOfStates",
    "Electrons",
    "Entry",
    "NumberOfElectrons",
    "equilibrium",
    "quasiparticles",
    "register",
    "static",
    "tabulate",
    "thermal",
]
