"""Systems of quasiparticles, for the calculators of electrons: superconductors."""

from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .gap import Gap

__all__ = ["BogoliubovSystem", "Gap", "bogoliubov_system"]
