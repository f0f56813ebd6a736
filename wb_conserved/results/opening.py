"""Results that were written: opened by file or folder, and in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray

from ..errors import InputError
from .citations import citations
from .groups import LEVELS, TEMPERATURES, groups, quantities, sums
from .table import conditions, format_table

FILES = ("result.nc", "convergence.nc")
"""Files of a folder of results that can be opened, the first that is there."""


def open_result(path: Path) -> xarray.Dataset:
    """Data set of a result, in memory.

    Parameters
    ----------
    path : Path
        A NetCDF file, or a folder of results.

    Raises
    ------
    InputError
        There is none, or it is not one of this package.
    """
    path = Path(path)
    file = path
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).is_file()]
        if not found:
            inside = sorted(str(part.parent.relative_to(path)) for name in FILES for part in path.glob(f"*/{name}"))
            hint = f"; there is one in {', '.join(inside)}" if inside else ""
            raise InputError(path, f"a folder with {' or '.join(FILES)}", f"neither{hint}")
        file = found[0]
    if not file.is_file():
        raise InputError(path, "a NetCDF file of a run, or its folder", "none there")
    try:
        dataset = xarray.load_dataset(file)
    except (OSError, ValueError) as error:
        raise InputError(file, "a NetCDF file of a run", str(error).splitlines()[0]) from None
    if "quantities" not in dataset.attrs or "version_wb_conserved" not in dataset.attrs:
        raise InputError(file, "a NetCDF file that wb_conserved wrote", f"one with {', '.join(map(str, dataset.data_vars))}")
    order = [name for name in dataset.attrs["quantities"].split() if name in dataset]
    return dataset[[*order, *(name for name in dataset.data_vars if name not in order)]]


def extrapolated(dataset: xarray.Dataset) -> xarray.Dataset:
    """Of a series of meshes the extrapolated values under the names of the quantities, with their error bars; another data set
    as it is."""
    if "mesh" not in dataset.dims:
        return dataset
    found = {}
    for name in dataset.attrs["quantities"].split():
        value, attributes = dataset[f"{name}_extrapolated"], dataset[name].attrs
        found[name] = value.assign_attrs(long_name=attributes["long_name"])
        error = dataset[f"{name}_error"]
        found[f"{name}_error"] = error.assign_attrs(error_of=name, symbol=f"± {attributes['symbol']}")
    return xarray.Dataset(found, attrs=dataset.attrs)


def level_of(dataset: xarray.Dataset) -> float | None:
    """Fermi level of the table of a data set, eV: that of the run, else the middle one of the scan; None without levels."""
    if LEVELS not in dataset.dims:
        return None
    levels = dataset[LEVELS].values
    given = dataset.attrs.get("fermi_level_eV", levels[len(levels) // 2])
    return float(levels[np.abs(levels - given).argmin()])


def format_info(dataset: xarray.Dataset, components: list[str] | None = None) -> str:
    """What a result is: system, settings, axes, quantities, the table at the Fermi level, and what to cite.

    Parameters
    ----------
    dataset : xarray.Dataset
    components : list of str, optional
        Of the table; by default those that the run was asked for.
    """
    attributes, wanted = dataset.attrs, components or dataset.attrs.get("components", "").split() or None
    settings = json.loads(attributes.get("input_resolved_json", "{}"))
    section = settings.get("system") or {}
    system = section.get("path") or section.get("model")
    lines = [
        f"title     {attributes.get('title', '')}",
        *([f"system    {system}"] if system else []),
        f"          {attributes.get('num_wann', '?')} Wannier functions, {attributes.get('symmetry_operations', '?')} symmetry "
        "operations",
        f"made      {attributes.get('created', '?')} by {attributes.get('source', 'wb_conserved')}, in "
        f"{attributes.get('wall_time_s', float('nan')):.1f} s on {attributes.get('ranks', '?')} processes",
        f"settings  {', '.join(conditions(dataset))}",
        f"axes      {', '.join(_axes(dataset))}",
        "",
    ]
    width = max((len(str(name)) for name in dataset.data_vars), default=0)
    for name, variable in dataset.data_vars.items():
        lines.append(f"{name!s:<{width}}  {variable.attrs.get('long_name', '')}, {variable.attrs.get('units', '')}")
    summed = sums(extrapolated(dataset))
    if quantities(summed):
        lines += ["", *(["extrapolated to an infinite mesh"] if "mesh" in dataset.dims else [])]
        lines.append(format_table(summed, level_of(dataset), wanted))
    lines += ["", "cite (as BibTeX: cite.bib)", *(f"  {publication.text}" for publication in citations(dataset).values())]
    return "\n".join(lines)


def _axes(dataset):
    """Coordinates of the scan in words."""
    for dim in [dim for dim in dataset.dims if any(dim in group.scan for group in groups(dataset))]:
        coordinate = dataset[dim]
        values, unit = coordinate.values, coordinate.attrs.get("units", "")
        if values.dtype.kind in "US":
            yield f"{coordinate.attrs.get('long_name', dim)} {', '.join(map(str, values))}"
            continue
        span = f"{values[0]:g}" if len(values) == 1 else f"{len(values)} from {values.min():g} to {values.max():g}"
        kelvin = ""
        if dim == TEMPERATURES and "kelvin" in dataset.coords:
            kelvin = f" (T = {', '.join(f'{value:.4g}' for value in dataset['kelvin'].values)} K)"
        yield f"{coordinate.attrs.get('long_name', dim)} {span} {unit}{kelvin}".rstrip()
