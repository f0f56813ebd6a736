"""What a number depends on: symmetry, conservation laws, multiplet thresholds, Kramers pairs, near crossings."""

from ..driver.symmetry import check_symmetry
from .conservation import ConservationReport, conservation_report
from .crossings import CrossingReport, LargestContributions, near_crossings
from .kramers import KramersReport, kramers_pairs
from .thresholds import ThresholdReport, scan_thresholds

__all__ = [
    "ConservationReport",
    "CrossingReport",
    "KramersReport",
    "LargestContributions",
    "ThresholdReport",
    "check_symmetry",
    "conservation_report",
    "kramers_pairs",
    "near_crossings",
    "scan_thresholds",
]
