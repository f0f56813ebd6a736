"""Systems of quasiparticles, for the calculators of electrons: superconductors."""

from .band_gap import band_gap
from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .gap import Gap
from .pairing import pairing

__all__ = ["BogoliubovSystem", "Gap", "band_gap", "bogoliubov_system", "pairing"]
