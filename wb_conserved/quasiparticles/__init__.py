"""Systems of quasiparticles, for the calculators of electrons: superconductors from a normal state and a gap.

`bogoliubov_system` makes one; gaps are a `Gap` (Δ_ij(R), also from a file), a `pairing` by name, a `band_gap` function of k, or
what `solve_gap` finds for an `attraction`.
"""

from .band_gap import band_gap
from .bogoliubov import BogoliubovSystem, bogoliubov_system
from .gap import Gap
from .interaction import attraction
from .pairing import pairing
from .self_consistency import ConvergenceError, solve_gap

__all__ = [
    "BogoliubovSystem",
    "ConvergenceError",
    "Gap",
    "attraction",
    "band_gap",
    "bogoliubov_system",
    "pairing",
    "solve_gap",
]
