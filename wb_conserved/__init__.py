"""Conserved spin currents from Wannier functions: a WannierBerri plugin."""

from importlib.metadata import version as _version

from . import calculators
from .conservation import conservation_report
from .grid import regular_grid
from .io import InputError, load_system
from .results.dataset import to_dataset
from .run import run

__version__ = _version("wb_conserved")
__all__ = ["InputError", "calculators", "conservation_report", "load_system", "regular_grid", "run", "to_dataset"]
