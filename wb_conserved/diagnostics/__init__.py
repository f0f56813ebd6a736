"""What a number depends on: conservation laws, multiplet thresholds, Kramers pairs, near crossings."""

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
    "conservation_report",
    "kramers_pairs",
    "near_crossings",
    "scan_thresholds",
]
