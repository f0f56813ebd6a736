"""Results as text: the table at one Fermi level, and CSV of the whole scan."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import xarray

from .groups import (
    LEVELS,
    PARTS,
    TEMPERATURES,
    at_level,
    check_components,
    frequency_axis,
    groups,
    of_temperatures,
    select,
    temperature_columns,
)

_FREQUENCIES = 25  # rows of a table at most


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
    threshold = _common(dataset, "multiplet_threshold_eV")
    if threshold:
        pairs = " and Kramers pairs" if _all_have(dataset, "kramers_pairs", 1) else ""
        texts.append(f"multiplet threshold = {threshold} eV{pairs}")
    broadening = _common(dataset, "broadening_eV")
    if broadening:
        texts.append(f"broadening = {broadening} eV")
    width = _common(dataset, "fermi_surface_width_eV")
    if width:
        texts.append(f"Fermi-surface width = {width} eV ({_common(dataset, 'fermi_surface_width_source')})")
    if _all_have(dataset, "external_terms", 0):
        texts.append("without external terms")
    return texts


def format_table(dataset: xarray.Dataset, level: float | None, components: list[str] | None = None) -> str:
    """Table of all quantities at one Fermi level, a part for each group of equal axes and units.

    At one temperature a row for each quantity and a column for each component; at several a row for each temperature, a
    column for each quantity, and a part for each component.

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
    static_rows = _rows_of_temperatures if dataset.sizes.get(TEMPERATURES, 1) > 1 else _rows_of_quantities
    widths = [max(map(len, texts)) for texts in zip(*map(_heading, dataset.data_vars.values()), strict=True)]
    lines: list[str] = []
    for group in groups(dataset):
        where = f"E_F = {level:g} eV, " if LEVELS in group.scan else ""
        lines += ["", ""] if lines else []
        lines.append(f"{where}values in {group.unit}")
        if len(lines) == 1:
            lines.append(", ".join(conditions(dataset)))
        rows = static_rows if frequency_axis(dataset[group.names[0]]) is None else _rows_of_frequencies
        names = [name for name in dataset.data_vars if name in group.names or _error_of(dataset, name) in group.names]
        lines += ["", *rows(here[names], group.components(components), widths)]
        if group.legend():
            lines += ["", group.legend()]
    return "\n".join(lines)


def _heading(variable):
    """Symbol and name of a variable; of an error a short one, as it stands below what it is the error of."""
    return variable.attrs["symbol"], "its estimated error" if "error_of" in variable.attrs else variable.attrs["long_name"]


def _rows_of_quantities(part, components, widths):
    """A row for each quantity of a group, at one temperature."""
    ((text, at_one),) = of_temperatures(part)
    if text:
        yield text
    if any(components):
        yield " " * (sum(widths) + 4) + "".join(f"{component:>12}" for component in components)
    for variable in at_one.data_vars.values():
        values = "".join(f"{float(select(variable, component)):12.5g}" for component in components)
        yield "  ".join([*(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)), values])


def _rows_of_temperatures(part, components, widths):
    """A row for each temperature, a column for each quantity of a group."""
    for variable in part.data_vars.values():
        yield "  ".join(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)).rstrip()
    for component in components:
        yield ""
        headings = "".join(f"{heading(variable, component):>14}" for variable in part.data_vars.values())
        yield _left(temperature_columns(part.isel({TEMPERATURES: 0}))) + headings
        for _, at_one in of_temperatures(part):
            values = "".join(f"{float(select(variable, component)):>14.5g}" for variable in at_one.data_vars.values())
            yield _left(temperature_columns(at_one).values()) + values


def _rows_of_frequencies(part, components, widths):
    """A row for each of some frequencies, two columns for each quantity of a group, at each temperature."""
    for variable in part.data_vars.values():
        yield "  ".join(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)).rstrip()
    axis = frequency_axis(next(iter(part.data_vars.values())))
    frequencies = part[axis].values
    shown = np.unique(np.linspace(0, len(frequencies) - 1, min(_FREQUENCIES, len(frequencies))).round().astype(int))
    for text, at_one in of_temperatures(part):
        for component in components:
            yield ""
            if text:
                yield text
            names = [heading(variable, component) for variable in part.data_vars.values()]
            headings = (f"{mark} {name}" for name in names for mark in ("Re", "Im"))
            yield f"{'ω/eV':<14}" + "".join(f"{text:>20}" for text in headings)
            for i in shown.tolist():
                here = (select(variable, component).isel({axis: i}) for variable in at_one.data_vars.values())
                values = "".join(f"{float(one.sel(part=which)):>20.5g}" for one in here for which in PARTS)
                yield f"{frequencies[i]:<14g}" + values
    if len(shown) < len(frequencies):
        yield f"{len(shown)} of {len(frequencies)} frequencies"


def heading(variable: xarray.DataArray, component: str) -> str:
    """Heading of a column: symbol and component."""
    return f"{variable.attrs['symbol']} {component}".rstrip()


def format_comparison(
    dataset: xarray.Dataset, level: float | None, components: list[str] | None, compared: dict[tuple[str, float], np.ndarray]
) -> str:
    """Table of all quantities at one Fermi level against the multiplet threshold, a part for each group of equal axes and
    units, a row for each temperature and threshold.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results for the threshold of the run.
    level : float or None
        Fermi level in eV, on the scan.
    components : list of str
        See `format_table`.
    compared : dict of (str, float) to float array
        Tensors at the level by variable and threshold (eV); variables that no threshold enters are not among them.

    Returns
    -------
    str
    """
    names = list(dict.fromkeys(name for name, _ in compared))
    here = at_level(dataset[names], level)
    own = float(_common(here, "multiplet_threshold_eV"))
    tables = {own: here}
    for threshold in dict.fromkeys(threshold for _, threshold in compared):
        tables[threshold] = here.copy(data={name: compared[name, threshold] for name in names})
    several = here.sizes.get(TEMPERATURES, 1) > 1
    lines: list[str] = []
    for group in groups(dataset[names]):
        columns = [(name, component) for name in group.names for component in group.components(components)]
        headings = "".join(f"{heading(dataset[name], component):>14}" for name, component in columns)
        lines += [""] if lines else []
        lines.append(f"values in {group.unit}")
        first = temperature_columns(here.isel({TEMPERATURES: 0})) if several else ()
        lines.append(_left(["threshold/eV", *first]) + headings)
        for temperatures in zip(*(of_temperatures(tables[threshold]) for threshold in sorted(tables)), strict=True):
            for threshold, (_, at_one) in zip(sorted(tables), temperatures, strict=True):
                first = temperature_columns(at_one).values() if several else ()
                values = "".join(f"{float(select(at_one[name], component)):>14.5g}" for name, component in columns)
                lines.append(_left([f"{threshold:g}", *first]) + values)
    return "\n".join(lines)


def _left(texts):
    """The first columns of a row."""
    return "".join(f"{text:<14}" for text in texts)


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
    described = [dim for dim in (*scan, *further) if "units" in dataset[dim].attrs]
    columns = {dim: f"{dim}_{dataset[dim].attrs['units']}" if dim in described else dim for dim in (*scan, *further)}
    columns |= {axis: axis for axis in axes}
    for dim in described:
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


def _all_have(dataset, name, wanted):
    """Whether an attribute has a value at all variables that have it."""
    values = [variable.attrs[name] for variable in dataset.data_vars.values() if name in variable.attrs]
    return len(values) > 0 and all(value == wanted for value in values)


def _common(dataset, name):
    """Value of an attribute of the variables as text; all different ones where they differ, empty where none has it."""
    values = [variable.attrs[name] for variable in dataset.data_vars.values() if name in variable.attrs]
    texts = dict.fromkeys(f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in values)
    return " / ".join(texts)
