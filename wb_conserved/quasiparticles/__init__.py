"""Systems of quasiparticles, for the calculators of electrons: superconductors, magnons, phonons."""

from .band_gap import band_gap
from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .conventions import CONVENTIONS, Convention
from .gap import Gap
from .magnets import honeycomb_magnet, jarosite, triangular_antiferromagnet
from .pairing import pairing
from .phonons import phonon_angular_momentum, phonon_system
from .spin_model import SpinModel
from .spin_waves import magnon_system
from .springs import honeycomb_springs
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
    "honeycomb_springs",
    "jarosite",
    "magnon_system",
    "pairing",
    "phonon_angular_momentum",
    "phonon_system",
    "structure_factor",
    "triangular_antiferromagnet",
]
