"""Named, self-describing results: datasets, files, tables and plots.

``RunResult`` (of `wb_conserved.run`) gives a labelled `xarray.Dataset`; everything else here is made from that alone.
"""

from .bands import plot_bands
from .citations import citations, format_bibtex
from .comparing import compare, format_rows
from .csv_files import format_csv, format_settings, format_wide_csv
from .dataset import RunResult, to_dataset
from .density import plot_density, plot_plane
from .files import RESULT_FILES, existing_results, write_convergence, write_results
from .opening import format_info, open_result
from .plot import plot_concentrations, plot_parts, plot_scan, plot_spectrum, plot_strengths, plot_temperatures
from .rotation import rotate
from .table import format_comparison, format_findings, format_table
from .transform import Transport

__all__ = [
    "RESULT_FILES",
    "RunResult",
    "Transport",
    "citations",
    "compare",
    "existing_results",
    "format_bibtex",
    "format_comparison",
    "format_csv",
    "format_findings",
    "format_info",
    "format_rows",
    "format_settings",
    "format_table",
    "format_wide_csv",
    "open_result",
    "plot_bands",
    "plot_concentrations",
    "plot_density",
    "plot_parts",
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
