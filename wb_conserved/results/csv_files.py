"""CSV of a whole scan, which any program reads without options, and its settings as TOML.

Units stand in the names of the columns; what the columns mean, and all settings, in a file of TOML beside.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import tomlkit
import xarray

from .citations import citations
from .groups import cartesian_axes, groups

_DIGITS = 9
_COORDINATE_DIGITS = 12
_ROUNDING = 1e-13  # of the largest component


def format_csv(dataset: xarray.Dataset) -> str:
    """Tidy form: a row for each place on the scan and component, a column for each quantity.

    ``pandas.read_csv(file)`` reads it.  Quantities with other axes have rows of their own, in which the columns of the others
    are empty.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    """
    variables, scan, axes = list(dataset.data_vars.values()), _scan(dataset), _axes(dataset)
    coordinates = [*_along(dataset, scan), *axes]
    names = {name: column(dataset[name]) if name not in axes else str(name) for name in coordinates}
    rows = [[*names.values(), *(column(variable) for variable in variables)]]
    for dims in dict.fromkeys(frozenset(variable.dims) for variable in variables):
        own = [dim for dim in (*scan, *axes) if dim in dims]
        values = {
            variable.name: _without_rounding(variable.transpose(*own).values, variable).reshape(-1).tolist()
            for variable in variables
            if frozenset(variable.dims) == dims
        }
        for number, place in enumerate(itertools.product(*(range(dataset.sizes[dim]) for dim in own))):
            at = dict(zip(own, place, strict=True))
            cells = [_cell(dataset[name], at) for name in coordinates]
            rows.append([*cells, *(digits(values[v.name][number]) if v.name in values else "" for v in variables)])
    return _text(rows)


def format_wide_csv(dataset: xarray.Dataset) -> str:
    """Wide form: a row for each place on the scan, a column for each component of each quantity.

    Quantities without some axis of the scan have the same value in all rows along it.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    """
    scan = _scan(dataset)
    coordinates = _along(dataset, scan)
    shape = [dataset.sizes[dim] for dim in scan]
    columns = {column(dataset[name]): _spread(dataset[name], scan, shape) for name in coordinates}
    columns = {name: [digits(value, _COORDINATE_DIGITS) for value in values] for name, values in columns.items()}
    for variable in dataset.data_vars.values():
        own = [axis for axis in cartesian_axes(variable) if axis in variable.dims]
        for letters in itertools.product("xyz", repeat=len(own)):
            part = variable.sel(dict(zip(own, letters, strict=True)))
            part = part.copy(data=_without_rounding(part.values, variable))
            columns[column(variable, "".join(letters))] = [digits(value) for value in _spread(part, scan, shape)]
    return _text([list(columns), *zip(*columns.values(), strict=True)])


def format_settings(dataset: xarray.Dataset) -> str:
    """TOML beside the CSV: what the columns mean, and all settings.

    Parameters
    ----------
    dataset : xarray.Dataset
    """
    from .table import conditions

    variables = {variable.name: _described(variable) for variable in dataset.data_vars.values()}
    along = {str(name): _described(dataset[name]) for name in _along(dataset, _scan(dataset))}
    attributes = dict(dataset.attrs)
    settings = json.loads(attributes.pop("input_resolved_json", "{}"))
    attributes.pop("input_toml", None)
    document = tomlkit.document()
    document.add(tomlkit.comment("Columns and settings of the CSV files beside.  NAME.column is the name of the column; in"))
    document.add(tomlkit.comment("result_wide.csv the component stands between name and unit."))
    document["conditions"] = conditions(dataset)
    document["cite"] = [publication.text for publication in citations(dataset).values()]
    document["coordinates"] = along
    document["quantities"] = variables
    document["run"] = _plain({key: value for key, value in attributes.items() if not key.endswith("_json")})
    if settings:
        document["settings"] = _plain(settings)
    return tomlkit.dumps(document)


def column(variable: xarray.DataArray, component: str = "") -> str:
    """Name of a column: that of the quantity, the component where there is one, and the unit."""
    name = f"{variable.name}_{component}" if component else str(variable.name)
    unit = variable.attrs.get("units", "")
    return f"{name} [{unit}]" if unit not in ("", "1") else name


def digits(value: Any, number: int = _DIGITS) -> str:
    """A number with as many digits as a result can have, and no sign where it is 0; text as it is."""
    if isinstance(value, str):
        return value
    return f"{float(value) + 0.0:.{number}g}"


def _without_rounding(values, variable):
    """0 in place of what is only the rounding of the largest component."""
    return np.where(np.abs(values) < _ROUNDING * float(np.abs(variable).max()), 0.0, values)


def _described(variable):
    """What a column is, from the attributes of its variable."""
    return {"column": column(variable)} | _plain(
        {key: value for key, value in variable.attrs.items() if not key.startswith(("scatter_", "k_points", "effective_"))}
    )


def _plain(value: Any) -> Any:
    """A value that TOML has: of tables, also in lists, without what is not set."""
    if isinstance(value, dict):
        return {str(key): _plain(own) for key, own in value.items() if own is not None}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(own) for own in value] if isinstance(value, list) else value


def _scan(dataset):
    return [str(dim) for dim in dataset.dims if any(dim in group.scan for group in groups(dataset))]


def _axes(dataset):
    return [str(dim) for dim in dataset.dims if dim not in _scan(dataset)]


def _along(dataset, scan) -> list[str]:
    """Names of the coordinates along the scan: its dimensions, and what has a value at each place of one."""
    further = [str(name) for name in dataset.coords if name not in dataset.dims and set(dataset[name].dims) <= set(scan)]
    return [*scan, *further]


def _cell(coordinate, at):
    """Value of a coordinate along one axis at a place; empty where the axis is none of those there."""
    (dim,) = coordinate.dims
    return digits(coordinate.values[at[dim]].item(), _COORDINATE_DIGITS) if dim in at else ""


def _spread(variable, scan, shape) -> Iterator[float]:
    """Values at all places of the scan."""
    own = [dim for dim in scan if dim in variable.dims]
    values = variable.transpose(*own).values
    values = values.reshape([dataset_size if dim in own else 1 for dim, dataset_size in zip(scan, shape, strict=True)])
    return iter(np.broadcast_to(values, shape).reshape(-1).tolist())


def _text(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
