"""Systems of quasiparticles, for the calculators of electrons: superconductors from a normal state and a gap, magnons, phonons.

`bogoliubov_system` makes a superconductor; gaps are a `Gap` (Δ_ij(R), also from a file), a `pairing` by name, a `band_gap`
function of k, or what `solve_gap` finds for an `attraction`.  A `SpinModel` makes magnons, `phonon_system` phonons.
"""

from .band_gap import band_gap
from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .conventions import CONVENTIONS, Convention
from .gap import Gap
from .interaction import attraction
from .magnets import honeycomb_magnet, jarosite, triangular_antiferromagnet
from .pairing import pairing
from .phonons import phonon_angular_momentum, phonon_system
from .self_consistency import ConvergenceError, solve_gap
from .spin_model import SpinModel
from .spin_waves import magnon_system
from .springs import honeycomb_springs
from .structure_factor import StructureFactor, structure_factor

__all__ = [
    "CONVENTIONS",
    "BogoliubovSystem",
    "Convention",
    "ConvergenceError",
    "Gap",
    "SpinModel",
    "StructureFactor",
    "attraction",
    "band_gap",
    "bogoliubov_system",
    "honeycomb_magnet",
    "honeycomb_springs",
    "jarosite",
    "magnon_system",
    "pairing",
    "phonon_angular_momentum",
    "phonon_system",
    "solve_gap",
    "structure_factor",
    "triangular_antiferromagnet",
]
