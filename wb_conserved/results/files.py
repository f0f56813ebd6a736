"""Files of a run: NetCDF, CSV, picture and input, written together, complete or not at all, and never over others."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import xarray

from .groups import LEVELS, TEMPERATURES
from .plot import plot_scan, plot_temperatures
from .table import format_csv

RESULT_FILES = ("result.nc", "result.csv", "scan.png", "temperatures.png", "convergence.nc", "convergence.txt", "input.toml")


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
) -> list[Path]:
    """Write a data set to a folder: result.nc, result.csv, input.toml and pictures.

    The files are written under another name and renamed when all are complete.

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
        Draw scan.png where there is an axis of Fermi levels, temperatures.png where there are several temperatures.
    components : list of str, optional
        Components in the pictures.
    title : str
        Title of the pictures.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileExistsError
        The folder holds results, and `overwrite` is not set.  If they appeared after `check_folder`, the new ones stay
        in the folder named in the message.
    OSError
        A file cannot be written.
    """
    writers = {
        "result.nc": lambda path: dataset.to_netcdf(path, engine="netcdf4"),
        "result.csv": lambda path: path.write_text(format_csv(dataset), encoding="utf-8"),
    }
    if pictures and LEVELS in dataset.dims:
        writers["scan.png"] = lambda path: plot_scan(dataset, path, level, components, title)
    if pictures and dataset.sizes.get(TEMPERATURES, 1) > 1:
        writers["temperatures.png"] = lambda path: plot_temperatures(dataset, path, level, components, title)
    return _write_together(writers, Path(folder), overwrite, input_text)


def write_convergence(
    dataset: xarray.Dataset, table: str, folder: Path, *, overwrite: bool = False, input_text: str = ""
) -> list[Path]:
    """Write a mesh series to a folder: convergence.nc, convergence.txt and input.toml, as `write_results` does.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.diagnostics.mesh_series.ConvergenceResult.to_dataset`.
    table : str
        Contents of convergence.txt.
    folder, overwrite, input_text
        See `write_results`.
    """
    writers = {
        "convergence.nc": lambda path: dataset.to_netcdf(path, engine="netcdf4"),
        "convergence.txt": lambda path: path.write_text(table + "\n", encoding="utf-8"),
    }
    return _write_together(writers, Path(folder), overwrite, input_text)


def _write_together(writers, folder, overwrite, input_text):
    """Write files by name, each with a function of its path, all or none."""
    check_folder(folder, overwrite)
    if input_text:
        writers["input.toml"] = lambda path: path.write_text(input_text, encoding="utf-8")
    staging = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    try:
        for name, write in writers.items():
            write(staging / name)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    try:
        _refuse(folder, overwrite)
    except FileExistsError as error:
        raise FileExistsError(f"{error}; the new results are in {staging}") from None
    written = []
    for name in RESULT_FILES:
        if name in writers:
            os.replace(staging / name, folder / name)
            written.append(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    staging.rmdir()
    return written


def _refuse(folder, overwrite):
    found = existing_results(folder)
    if found and not overwrite:
        names = ", ".join(path.name for path in found)
        raise FileExistsError(
            f"{folder}: expected a folder without results; found {names}: choose another folder, or overwrite them "
            "(--overwrite, or overwrite = true)"
        )
