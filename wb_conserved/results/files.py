"""Files of a run: NetCDF, CSV, pictures and input, each complete or absent, and never over others.

Their contents are made in memory, so that neither locks of the file system nor a disk that fills up leave parts of them.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import xarray

from .citations import format_bibtex
from .complete import write_file
from .csv_files import format_csv, format_settings, format_wide_csv
from .groups import (
    CONCENTRATIONS,
    LEVELS,
    TEMPERATURES,
    cartesian_axes,
    check_components,
    frequency_axis,
    groups,
    quantities,
    sums,
    with_frequencies,
)
from .plot import plot_concentrations, plot_parts, plot_scan, plot_spectrum, plot_temperatures

SERIES = ("convergence", "widths")
"""Names of series of meshes, and of widths of energy shells."""

RESULT_FILES = (
    "result.nc", "result.csv", "result_wide.csv", "result.toml", "cite.bib", "scan.png", "parts.png", "temperatures.png",
    "concentrations.png", "spectrum.png",
    *(f"{name}.{ending}" for name in SERIES for ending in ("nc", "txt")), "convergence.png",
    "bands.nc", "bands.png", "density_of_states.csv", "density_of_states.png", "fermi_surface.frmsf",
    "gap_on_fermi_surface.png", "gap.npz", "input.toml",
)  # fmt: skip
"""In the order in which they are written: NetCDF has everything."""


class WritingError(OSError):
    """Some files of a run could not be written.

    Attributes
    ----------
    written : list of Path
        Those that are there.
    failed : dict of Path to Exception
        Why the others are not.
    """

    def __init__(self, written: list[Path], failed: Mapping[Path, Exception]):
        self.written, self.failed = written, dict(failed)
        reasons = "; ".join(f"{path}: {_reason(error)}" for path, error in failed.items())
        super().__init__(f"not written: {reasons}" + (f" (written: {_names(written)})" if written else ""))


def existing_results(folder: Path) -> list[Path]:
    """Files of an earlier run in a folder."""
    return [folder / name for name in RESULT_FILES if os.path.lexists(folder / name)]


def check_folder(folder: Path, overwrite: bool) -> None:
    """Make a folder for results, before anything is computed.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    overwrite : bool
        Whether results in it may be replaced.

    Raises
    ------
    FileExistsError
        It holds results, and `overwrite` is not set.
    OSError
        It cannot be made or written to.
    """
    _refuse(folder, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(f"{folder}: expected a folder that can be written to; found: {error.strerror}") from error


def write_results(
    dataset: xarray.Dataset,
    folder: Path,
    *,
    overwrite: bool = False,
    input_text: str = "",
    level: float | None = None,
    pictures: bool = False,
    components: list[str] | None = None,
    title: str = "",
    further: Mapping[str, Callable[[], bytes]] | None = None,
) -> list[Path]:
    """Write a data set to a folder: result.nc, result.csv and result_wide.csv with result.toml beside, cite.bib, input.toml and
    pictures.

    What is tabulated band by band goes to result.nc only, what has frequencies not to result_wide.csv.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    folder : Path
    overwrite : bool
        Replace results in the folder; those that are not written anew are removed.
    input_text : str
        Contents of input.toml; empty: no such file.
    level : float, optional
        Fermi level in eV for the pictures; None where a number of electrons sets it.
    pictures : bool
        Draw scan.png where there is an axis of Fermi levels, with impurities also parts.png; temperatures.png where there are
        several temperatures, concentrations.png where there are several concentrations of impurities, spectrum.png where there
        are several frequencies.
    components : list of str, optional
        Components in the pictures.
    title : str
        Title of the pictures.
    further : mapping of str to callable, optional
        Contents of more files, by names of `RESULT_FILES`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        Components that no variable has.
    FileExistsError
        The folder holds results, and `overwrite` is not set.
    WritingError
        Some file cannot be made or written; all others are.
    OSError
        The folder cannot be made.
    """

    check_components(dataset, components)
    summed = sums(dataset)
    plain, spectra = (with_frequencies(summed, wanted) for wanted in (False, True))
    axes = [frequency_axis(variable) for variable in spectra.data_vars.values()]

    def picture(plot, drawn=plain):
        def draw():
            contents = io.BytesIO()
            lengths = {len(cartesian_axes(drawn[name])) for name in quantities(drawn)}
            fitting = [component for component in components or [] if len(component) in lengths]
            plot(drawn, contents, level, fitting or None, title)
            return contents.getvalue()

        return draw

    contents: dict[str, Callable[[], bytes]] = {
        "result.nc": lambda: netcdf(dataset),
    }
    if quantities(dataset):  # others have too many rows
        contents["result.csv"] = lambda: format_csv(summed).encode()
        contents["result.toml"] = lambda: format_settings(summed).encode()
    if quantities(plain):
        contents["result_wide.csv"] = lambda: format_wide_csv(plain).encode()
    contents["cite.bib"] = lambda: format_bibtex(dataset).encode()
    if pictures and LEVELS in plain.dims:
        contents["scan.png"] = picture(plot_scan)
    if pictures and LEVELS in plain.dims and any(group.family for group in groups(plain)):
        contents["parts.png"] = picture(plot_parts)
    if pictures and plain.sizes.get(TEMPERATURES, 1) > 1:
        contents["temperatures.png"] = picture(plot_temperatures)
    if pictures and plain.sizes.get(CONCENTRATIONS, 1) > 1:
        contents["concentrations.png"] = picture(plot_concentrations)
    if pictures and any(spectra.sizes[axis] > 1 for axis in axes):
        contents["spectrum.png"] = picture(plot_spectrum, spectra)
    return _write_all(contents | dict(further or {}), Path(folder), overwrite, input_text)


def write_convergence(
    series: Mapping[str, tuple[xarray.Dataset, str]],
    folder: Path,
    *,
    overwrite: bool = False,
    input_text: str = "",
    pictures: Mapping[str, Callable[[io.BytesIO], None]] | None = None,
) -> list[Path]:
    """Write series of meshes or widths to a folder: NAME.nc, NAME.txt, NAME.png, cite.bib, input.toml, as `write_results`.

    Parameters
    ----------
    series : mapping of str to (xarray.Dataset, str)
        By the names of `SERIES`: data sets of `wb_conserved.diagnostics.mesh_series.ConvergenceResult.to_dataset`, and their
        tables.
    folder, overwrite, input_text
        See `write_results`.
    pictures : mapping of str to callable, optional
        By name of the series, each draws to a file object.
    """
    contents: dict[str, Callable[[], bytes]] = {}
    for name, (dataset, table) in series.items():
        contents[f"{name}.nc"] = lambda dataset=dataset: netcdf(dataset)
        contents[f"{name}.txt"] = lambda table=table: (table + "\n").encode()
    for name, draw in (pictures or {}).items():
        contents[f"{name}.png"] = lambda draw=draw: _drawn(draw)
    contents["cite.bib"] = lambda: format_bibtex(*(dataset for dataset, _ in series.values())).encode()
    return _write_all(contents, Path(folder), overwrite, input_text)


def _drawn(picture):
    contents = io.BytesIO()
    picture(contents)
    return contents.getvalue()


def netcdf(dataset: xarray.Dataset) -> bytes:
    """Contents of a NetCDF file with a data set."""
    import netCDF4

    file = netCDF4.Dataset("in memory", mode="w", memory=1024, format="NETCDF4")
    try:
        store = xarray.backends.NetCDF4DataStore(file)
        dataset.dump_to_store(store)
        store.sync()
        contents = file.close()
    except BaseException:
        if file.isopen():
            file.close()
        raise
    return bytes(contents)


def _write_all(contents, folder, overwrite, input_text):
    """Write files by name, each from a function of its contents; all that can be."""
    if input_text:
        contents["input.toml"] = input_text.encode
    made: dict[Path, bytes] = {}
    failed: dict[Path, Exception] = {}
    for name, make in contents.items():
        try:
            made[folder / name] = make()
        except Exception as error:
            failed[folder / name] = error
    check_folder(folder, overwrite)
    written = []
    for path in (folder / name for name in RESULT_FILES):
        path.unlink(missing_ok=True)  # of an earlier run
        if path not in made:
            continue
        try:
            write_file(path, made[path])
            written.append(path)
        except OSError as error:
            failed[path] = error
    if failed:
        raise WritingError(written, failed)
    return written


def _refuse(folder, overwrite):
    found = existing_results(folder)
    if found and not overwrite:
        raise FileExistsError(
            f"{folder}: expected a folder without results; found {_names(found)}: choose another folder, or overwrite them "
            "(--overwrite, or overwrite = true)"
        )


def _names(paths):
    return ", ".join(path.name for path in paths)


def _reason(error):
    """What went wrong, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {text}".splitlines()[0]
