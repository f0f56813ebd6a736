"""Results as text: the table at one Fermi level, and CSV of the whole scan."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import xarray

from .groups import LEVELS, at_level, check_components, groups, of_temperatures, quantities, select


def conditions(dataset: xarray.Dataset) -> list[str]:
    """What every number of a data set depends on: mesh, temperature, multiplet threshold and other choices.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.results.dataset.RunResult.to_dataset`.
    """
    mesh = dataset.attrs["mesh"]
    texts = ["k path" if isinstance(mesh, str) else "mesh " + " × ".join(str(int(n)) for n in mesh)]
    temperature = _common(dataset, "kBT_eV")
    if temperature:
        texts.append(f"kBT = {temperature} eV")
    electrons = _common(dataset, "electrons")
    if electrons:
        texts.append(f"electrons: {electrons}")
    threshold = f"multiplet threshold = {_common(dataset, 'multiplet_threshold_eV')} eV"
    texts.append(threshold + (" and Kramers pairs" if _common(dataset, "kramers_pairs") == "True" else ""))
    width = _common(dataset, "fermi_surface_width_eV")
    if width:
        texts.append(f"Fermi-surface width = {width} eV ({_common(dataset, 'fermi_surface_width_source')})")
    if _common(dataset, "external_terms") == "False":
        texts.append("without external terms")
    return texts


def format_table(dataset: xarray.Dataset, level: float | None, components: list[str] | None = None) -> str:
    """Table of all quantities at one Fermi level, a part for each group of equal axes and units, and for each temperature.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    level : float or None
        Fermi level in eV; must be on the scan.  Not used where a number of electrons sets it.
    components : list of str, optional
        Such as "xyz": one letter for each axis.  Each group shows those that it has, or the one that stands for it.

    Returns
    -------
    str
        The first variable is the headline.

    Raises
    ------
    ValueError
        A level that is not on the scan, or components that do not exist.
    """
    check_components(dataset, components)
    here = at_level(dataset, level)
    variables = [*dataset.data_vars.values()]
    symbol_width = max(len(variable.attrs["symbol"]) for variable in variables)
    name_width = max(len(variable.attrs["long_name"]) for variable in variables)
    indent = " " * (symbol_width + name_width + 4)
    lines: list[str] = []
    for group in groups(dataset):
        where = f"E_F = {level:g} eV, " if LEVELS in group.scan else ""
        lines += ["", ""] if lines else []
        lines.append(f"{where}values in {group.unit}")
        if len(lines) == 1:
            lines.append(", ".join(conditions(dataset)))
        shown = group.components(components)
        names = [name for name in dataset.data_vars if name in group.names or _error_of(dataset, name) in group.names]
        for text, part in of_temperatures(here[names]):
            lines += ["", *([text] if text else []), indent + "".join(f"{component:>12}" for component in shown)]
            for variable in part.data_vars.values():
                values = "".join(f"{float(select(variable, component)):12.5g}" for component in shown)
                symbol, name = variable.attrs["symbol"], variable.attrs["long_name"]
                lines.append(f"{symbol:<{symbol_width}}  {name:<{name_width}}  {values}")
        if group.legend():
            lines += ["", group.legend()]
    return "\n".join(lines)


def format_comparison(
    dataset: xarray.Dataset, level: float | None, components: list[str] | None, compared: dict[tuple[str, float], np.ndarray]
) -> str:
    """Table of all quantities at one Fermi level against the multiplet threshold, a part for each temperature.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results for the threshold of the run.
    level : float or None
        Fermi level in eV, on the scan.
    components : list of str
        See `format_table`.
    compared : dict of (str, float) to float array
        Tensors at the level by variable and threshold (eV).

    Returns
    -------
    str
    """
    here = at_level(dataset, level)
    own = float(_common(dataset, "multiplet_threshold_eV"))
    rows = {own: {name: here[name] for name in quantities(dataset)}}
    for (name, threshold), data in compared.items():
        rows.setdefault(threshold, {})[name] = here[name].copy(data=data)
    columns = [(name, part) for group in groups(dataset) for name in group.names for part in group.components(components)]
    headings = [f"{dataset[name].attrs['symbol']} {component}".rstrip() for name, component in columns]
    lines: list[str] = []
    for text, _ in of_temperatures(here):
        lines += [""] if lines else []
        lines += [text] if text else []
        lines.append(f"{'threshold/eV':<13}" + "".join(f"{heading:>13}" for heading in headings))
        for threshold in sorted(rows):
            tables = dict(of_temperatures(xarray.Dataset(rows[threshold])))
            values = [float(select(tables[text][name], component)) for name, component in columns]
            lines.append(f"{threshold:<13g}" + "".join(f"{value:>13.5g}" for value in values))
    return "\n".join(lines)


def format_csv(dataset: xarray.Dataset) -> str:
    """CSV of the whole scan: a row for each place on the scan and component, a column for each quantity.

    Lines of comment at the top begin with #; read it with ``pandas.read_csv(file, comment="#")``.  Quantities with other
    axes have rows of their own, in which the columns of the others are empty.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    """
    variables = list(dataset.data_vars.values())
    scan = [dim for dim in dataset.dims if any(dim in group.scan for group in groups(dataset))]
    axes = [dim for dim in dataset.dims if dim not in scan]
    further = [str(name) for name in dataset.coords if name not in dataset.dims]  # values along an axis of the scan
    text = io.StringIO()
    text.write(f"# wb_conserved {dataset.attrs['version_wb_conserved']}: {', '.join(conditions(dataset))}\n")
    for variable in variables:
        attributes = variable.attrs
        meaning = f"; {attributes['axes']}" if attributes.get("axes") else ""
        text.write(f"# {variable.name}: {attributes['symbol']}, {attributes['long_name']}; {attributes['units']}{meaning}\n")
    columns = {dim: f"{dim}_{dataset[dim].attrs['units']}" for dim in (*scan, *further)} | {axis: axis for axis in axes}
    for dim in (*scan, *further):
        text.write(f"# {columns[dim]}: {dataset[dim].attrs['long_name']} in {dataset[dim].attrs['units']}\n")
    coordinates = {name: (dataset[name].dims, dataset[name].values.tolist()) for name in columns}
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns.values(), *(variable.name for variable in variables)])
    for dims in dict.fromkeys(frozenset(variable.dims) for variable in variables):
        own = [dim for dim in (*scan, *axes) if dim in dims]
        values = {
            variable.name: variable.transpose(*own).values.reshape(-1).tolist()
            for variable in variables
            if frozenset(variable.dims) == dims
        }
        places = itertools.product(*(range(dataset.sizes[dim]) for dim in own))
        for number, place in enumerate(places):
            indices = dict(zip(own, place, strict=True))
            cells = [_cell(*coordinates[name], indices) for name in columns]
            writer.writerow([*cells, *(values[v.name][number] if v.name in values else "" for v in variables)])
    return text.getvalue()


def _cell(dims, values, indices):
    """Value of a coordinate along one axis at a place; empty where the axis is none of those there."""
    (dim,) = dims
    return values[indices[dim]] if dim in indices else ""


def _error_of(dataset, name):
    return dataset[name].attrs.get("error_of")


def _common(dataset, name):
    """Value of an attribute of the variables as text; all different ones where they differ, empty where none has it."""
    values = [variable.attrs[name] for variable in dataset.data_vars.values() if name in variable.attrs]
    texts = dict.fromkeys(f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in values)
    return " / ".join(texts)
