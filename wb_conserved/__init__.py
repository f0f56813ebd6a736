"""Conserved spin currents from Wannier functions: a WannierBerri plugin."""

import importlib as _importlib
import logging as _logging
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

# WannierBerri warns at import that the optional pyfftw is missing; it serves no Fourier sum of this package
_logging.getLogger("wannierberri.fourier.fft").setLevel(_logging.ERROR)

if TYPE_CHECKING:
    from . import calculators
    from .diagnostics import conservation_report, kramers_pairs, near_crossings, scan_thresholds
    from .diagnostics.mesh_series import convergence, width_convergence
    from .driver.grid import regular_grid
    from .driver.run import estimate, run
    from .errors import InputError
    from .io import load_system
    from .results.dataset import to_dataset

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
    "width_convergence",
]

_MODULES = {
    "InputError": "errors",
    "conservation_report": "diagnostics",
    "convergence": "diagnostics.mesh_series",
    "estimate": "driver.run",
    "kramers_pairs": "diagnostics",
    "load_system": "io",
    "near_crossings": "diagnostics",
    "regular_grid": "driver.grid",
    "run": "driver.run",
    "scan_thresholds": "diagnostics",
    "to_dataset": "results.dataset",
    "width_convergence": "diagnostics.mesh_series",
}
"""Where a name is found when it is first used: importing everything takes seconds, in which a command can be stopped."""


if not TYPE_CHECKING:  # a type checker should not take every name

    def __getattr__(name):
        """Find a public name, or a module, when it is first used."""
        if name in _MODULES:
            found = getattr(_importlib.import_module(f".{_MODULES[name]}", __name__), name)
        elif not name.startswith("_"):
            try:
                found = _importlib.import_module(f".{name}", __name__)
            except ModuleNotFoundError as error:
                if error.name != f"{__name__}.{name}":
                    raise
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
