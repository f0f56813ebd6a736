"""Conserved spin currents from Wannier functions: a WannierBerri plugin."""

import logging as _logging
from importlib.metadata import version as _version

# WannierBerri warns at import that the optional pyfftw is missing; it serves no Fourier sum of this package
_logging.getLogger("wannierberri.fourier.fft").setLevel(_logging.ERROR)

from . import calculators  # noqa: E402
from .diagnostics import conservation_report, kramers_pairs, near_crossings, scan_thresholds  # noqa: E402
from .diagnostics.mesh_series import convergence  # noqa: E402
from .driver.grid import regular_grid  # noqa: E402
from .driver.run import estimate, run  # noqa: E402
from .errors import InputError  # noqa: E402
from .io import load_system  # noqa: E402
from .results.dataset import to_dataset  # noqa: E402

__version__ = _version("wb_conserved")
__all__ = [
    "InputError",
    "calculators",
    "conservation_report",
    "convergence",
    "estimate",
    "kramers_pairs",
    "load_system",
    "near_crossings",
    "regular_grid",
    "run",
    "scan_thresholds",
    "to_dataset",
]
