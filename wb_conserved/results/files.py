"""Files of a run: NetCDF, CSV, picture and input, written together, complete or not at all, and never over others."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import xarray

from .plot import plot_scan
from .table import format_csv

RESULT_FILES = ("result.nc", "result.csv", "scan.png", "input.toml")


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
    components: list[str] | None = None,
    title: str = "",
) -> list[Path]:
    """Write a data set to a folder: result.nc, result.csv, input.toml and scan.png.

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
        Fermi level in eV for the picture; None: no picture.
    components : list of str, optional
        Components in the picture.
    title : str
        Title of the picture.

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
    folder = Path(folder)
    check_folder(folder, overwrite)
    staging = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    try:
        dataset.to_netcdf(staging / "result.nc", engine="netcdf4")
        (staging / "result.csv").write_text(format_csv(dataset), encoding="utf-8")
        if level is not None:
            plot_scan(dataset, staging / "scan.png", level, components or [], title)
        if input_text:
            (staging / "input.toml").write_text(input_text, encoding="utf-8")
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    try:
        _refuse(folder, overwrite)
    except FileExistsError as error:
        raise FileExistsError(f"{error}; the new results are in {staging}") from None
    written = []
    for name in RESULT_FILES:
        if (staging / name).exists():
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
