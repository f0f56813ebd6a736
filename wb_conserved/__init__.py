"""Conserved spin currents from Wannier functions: a WannierBerri plugin."""

from importlib.metadata import version as _version

from . import calculators
from .grid import regular_grid
from .run import run

__version__ = _version("wb_conserved")
__all__ = ["calculators", "regular_grid", "run"]
