"""Named, self-describing results: datasets, files, tables and plots.

``RunResult`` (of `wb_conserved.run`) gives a labelled `xarray.Dataset`; everything else here is made from that alone.
"""

from .bands import plot_bands
from .dataset import RunResult, to_dataset
from .density import plot_density, plot_plane
from .files import RESULT_FILES, existing_results, write_convergence, write_results
from .plot import plot_scan, plot_spectrum, plot_strengths, plot_temperatures
from .rotation import rotate
from .table import format_comparison, format_csv, format_table

__all__ = [
    "RESULT_FILES",
    "RunResult",
    "existing_results",
    "format_comparison",
    "format_csv",
    "format_table",
    "plot_bands",
    "plot_density",
    "plot_plane",
    "plot_scan",
    "plot_spectrum",
    "plot_strengths",
    "plot_temperatures",
    "rotate",
    "to_dataset",
    "write_convergence",
    "write_results",
]
