"""What a number depends on: symmetry, conservation laws, thresholds, Kramers pairs, near crossings, the ab initio mesh; Chern
numbers."""

from ..driver.symmetry import check_symmetry
from .chern import ChernNumbers, chern_numbers
from .conservation import ConservationReport, conservation_report
from .crossings import CrossingReport, LargestContributions, near_crossings
from .interpolation_error import InterpolationReport, interpolation_error
from .kramers import KramersReport, kramers_pairs
from .spin_orbit_scan import spin_orbit_scan
from .thresholds import ThresholdReport, scan_thresholds

__all__ = [
    "ChernNumbers",
    "ConservationReport",
    "CrossingReport",
    "InterpolationReport",
    "KramersReport",
    "LargestContributions",
    "ThresholdReport",
    "check_symmetry",
    "chern_numbers",
    "conservation_report",
    "interpolation_error",
    "kramers_pairs",
    "near_crossings",
    "scan_thresholds",
    "spin_orbit_scan",
]
