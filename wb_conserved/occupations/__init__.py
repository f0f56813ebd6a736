"""Statistics: what multiplies a per-band quantity and sums it over bands, for a whole scan of levels and temperatures.

`Statistics` is the protocol, `ScanStatistics` the base of what has Fermi levels and an energy axis; `Steps`, `FermiDirac`,
`Tetrahedra`, `Mott` and `Bose` are what there is.
"""

from .axis import SmoothAxis, StepAxis, Window
from .base import Placement, Spread, States, Statistics
from .bose import Bose
from .electrons import Electrons, ElectronSpectrum, counting_statistics, level_of
from .fermi import FermiDirac, Steps, fermi_statistics
from .mott import Mott
from .scan import Scan, ScanStatistics
from .tetrahedra import CORNERS, Tetrahedra, TetrahedronWeights, cell_polynomials

STATISTICS = {kind.name: kind for kind in (Steps, FermiDirac, Tetrahedra, Mott, Bose)}
"""Statistics by name: the one list."""

__all__ = [
    "CORNERS",
    "STATISTICS",
    "Bose",
    "ElectronSpectrum",
    "Electrons",
    "FermiDirac",
    "Mott",
    "Placement",
    "Scan",
    "ScanStatistics",
    "SmoothAxis",
    "Spread",
    "States",
    "Statistics",
    "StepAxis",
    "Steps",
    "Tetrahedra",
    "TetrahedronWeights",
    "Window",
    "cell_polynomials",
    "counting_statistics",
    "fermi_statistics",
    "level_of",
]
