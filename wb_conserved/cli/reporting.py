"""Commands that look at results: ``info``, ``compare``, ``convert``."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ..errors import InputError
from ..results import compare as compare_results
from ..results import format_csv, format_info, format_rows, open_result
from ..results.complete import write_file
from ..results.files import netcdf
from ..results.groups import sums
from ..results.opening import extrapolated, level_of
from ..results.table import format_table
from ..units import read_flow_unit
from .group import main

RESULT = click.Path(path_type=Path)
COMPONENTS = click.option("--components", help="Such as xyz,yxz: current, field, spin.  [default: those of the run]")


def listed(text: str | None) -> list[str] | None:
    """Words separated by commas."""
    return [part.strip() for part in text.split(",")] if text else None


@main.command(stage="look", example="results")
@click.argument("result", type=RESULT)
@COMPONENTS
def info(result, components):
    """Say what a RESULT is, a NetCDF file or a folder: system, settings, quantities, the table, and what to cite."""
    dataset = open_result(result)
    click.echo(_or_refused(lambda: format_info(dataset, listed(components))))


@main.command(stage="look", example="results results/convergence")
@click.argument("first", type=RESULT)
@click.argument("second", type=RESULT)
@COMPONENTS
def compare(first, second, components):
    """Compare the numbers of two results with their error bars; of a series of meshes the extrapolated values count.

    Error bars are those of the series, of adaptive refinement, or else the scatter of the contributions of k points.
    """
    datasets = [open_result(path) for path in (first, second)]
    wanted = listed(components) or datasets[0].attrs.get("components", "").split() or None
    rows = _or_refused(lambda: compare_results(*datasets, wanted))
    click.echo(format_rows(rows, (str(first), str(second))))


@main.command(stage="look", example="results --to S/m --observable ħ/2 --output results/in-SI.csv")
@click.argument("result", type=RESULT)
@click.option("--to", "flow", help="Unit of the conductivities: S/cm, S/m; of a sheet S, e2/h.")
@click.option("--observable", help="Unit of an angular momentum: ħ (or hbar), ħ/2 (or hbar/2).")
@click.option(
    "--sheet", help="Bulk to sheet: thickness in Å, or a, b, c for the length of that lattice vector along its normal."
)
@click.option("--hall-angle", type=float, metavar="SIGMA_XX", help="Spin Hall angles for this conductivity of charge, S/cm.")
@click.option("--rotate", help="New axes x', y', z' in the old ones, such as '1 1 0, -1 1 0, 0 0 1'.")
@click.option("--output", type=click.Path(path_type=Path), help="Write all numbers to this file, .csv or .nc.")
@COMPONENTS
def convert(result, flow, observable, sheet, hall_angle, rotate, output, components):
    """A RESULT in other units or axes, or as spin Hall angles: as a table, and as a file."""
    dataset = sums(extrapolated(open_result(result)))
    wanted = listed(components) or dataset.attrs.get("components", "").split() or None
    if rotate is not None:
        dataset = dataset.transport.rotate(_matrix(rotate))
    if flow or observable or sheet:
        dataset = dataset.transport.to_units(
            flow.replace("e2/h", "e²/h") if flow else None,
            observable=observable.replace("hbar", "ħ") if observable else None,
            thickness=_thickness(sheet, dataset) if sheet else None,
        )
    if hall_angle is not None:
        units = [read_flow_unit(variable.attrs.get("units", "")) for variable in dataset.data_vars.values()]
        own = next((unit.flow for unit in units if unit is not None), "S/cm")
        dataset = dataset.transport.hall_angle(hall_angle, "S/cm" if own == "S/m" else own)
    click.echo(_or_refused(lambda: format_table(dataset, level_of(dataset), wanted)))
    if output is not None:
        _write(output, dataset)
        click.echo(f"wrote {output}")


def _write(path: Path, dataset):
    writers = {".csv": lambda: format_csv(dataset).encode(), ".nc": lambda: netcdf(dataset)}
    if path.suffix not in writers:
        raise InputError("--output", "a file that ends in .csv or .nc", str(path))
    write_file(path, writers[path.suffix]())


def _matrix(text: str):
    try:
        return [[float(word) for word in row.split()] for row in text.split(",")]
    except ValueError:
        raise InputError("--rotate", "three vectors separated by commas", repr(text)) from None


def _thickness(text: str, dataset) -> float:
    """Thickness in Å, given or that of the cell along a lattice vector."""
    if text in ("a", "b", "c"):
        lattice = np.reshape(dataset.attrs["real_lattice_angstrom"], (3, 3))
        others = np.delete(lattice, "abc".index(text), axis=0)
        return float(abs(np.linalg.det(lattice)) / np.linalg.norm(np.cross(*others)))
    try:
        return float(text)
    except ValueError:
        raise InputError("--sheet", "a thickness in Å, or a, b or c", repr(text)) from None


def _or_refused(task):
    """Result of a task, whose refusals of components are those of the user."""
    try:
        return task()
    except InputError:
        raise
    except ValueError as error:
        raise InputError("--components", "components of the result", str(error)) from None
