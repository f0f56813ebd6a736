"""Systems of quasiparticles, for the calculators of electrons: superconductors, magnons."""

from .band_gap import band_gap
from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .conventions import CONVENTIONS, Convention
from .gap import Gap
from .magnets import honeycomb_magnet, jarosite, triangular_antiferromagnet
from .pairing import pairing
from .spin_model import SpinModel
from .spin_waves import magnon_system
from .structure_factor import StructureFactor, structure_factor

__all__ = [
    "CONVENTIONS",
    "BogoliubovSystem",
    "Convention",
    "Gap",
    "SpinModel",
    "StructureFactor",
    "band_gap",
    "bogoliubov_system",
    "honeycomb_magnet",
    "jarosite",
    "magnon_system",
    "pairing",
    "structure_factor",
    "triangular_antiferromagnet",
]
