"""Results as text: the table at one Fermi level, and CSV of the whole scan."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import xarray


def conditions(dataset: xarray.Dataset) -> list[str]:
    """What every number of a data set depends on: mesh, temperature, multiplet threshold and other choices.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.results.dataset.RunResult.to_dataset`.
    """
    mesh = dataset.attrs["mesh"]
    texts = ["k path" if isinstance(mesh, str) else "mesh " + " × ".join(str(int(n)) for n in mesh)]
    texts.append(f"kBT = {_common(dataset, 'kBT_eV')} eV")
    threshold = f"multiplet threshold = {_common(dataset, 'multiplet_threshold_eV')} eV"
    texts.append(threshold + (" and Kramers pairs" if _common(dataset, "kramers_pairs") == "True" else ""))
    width = _common(dataset, "fermi_surface_width_eV")
    if width:
        texts.append(f"Fermi-surface width = {width} eV ({_common(dataset, 'fermi_surface_width_source')})")
    if _common(dataset, "external_terms") == "False":
        texts.append("without external terms")
    return texts


def check_components(dataset: xarray.Dataset, components: list[str]) -> None:
    """Raise ValueError for a component, such as "xyz", that is not one letter for each of the axes i, l (and s)."""
    axes = "".join(dim for dim in ("i", "l", "s") if dim in dataset.dims)
    for component in components:
        if len(component) != len(axes) or set(component) - set("xyz"):
            raise ValueError(f"components: expected x, y or z for each of the axes {axes}; found {component!r}")


def quantities(dataset: xarray.Dataset) -> list[str]:
    """Names of the variables without those that are the error of another."""
    return [name for name, variable in dataset.data_vars.items() if "error_of" not in variable.attrs]


def select(variable: xarray.DataArray, component: str) -> xarray.DataArray:
    """Component, such as "xyz", of a variable: its i, l (and s) in this order."""
    axes = [dim for dim in ("i", "l", "s") if dim in variable.dims]
    return variable.sel(dict(zip(axes, component, strict=True)))


def format_table(dataset: xarray.Dataset, level: float, components: list[str]) -> str:
    """Table of all quantities at one Fermi level.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    level : float
        Fermi level in eV; must be on the scan.
    components : list of str
        Such as "xyz": current along x, field along y, s_z.

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
    levels = dataset["Efermi"].values
    nearest = int(np.argmin(np.abs(levels - level)))
    if abs(levels[nearest] - level) > 1e-6:
        raise ValueError(
            f"level: expected one of the Fermi levels of the scan (nearest: {levels[nearest]} eV); found {level}"
        )
    at_level = dataset.isel(Efermi=nearest)
    unit = next(iter(dataset.data_vars.values())).attrs["units"]
    names = [(variable.attrs["symbol"], variable.attrs["long_name"]) for variable in dataset.data_vars.values()]
    symbol_width = max(len(symbol) for symbol, _ in names)
    name_width = max(len(name) for _, name in names)
    lines = [f"E_F = {level:g} eV, values in {unit}", ", ".join(conditions(dataset)), ""]
    lines.append(" " * (symbol_width + name_width + 4) + "".join(f"{component:>12}" for component in components))
    for (symbol, name), variable in zip(names, at_level.data_vars.values(), strict=True):
        values = "".join(f"{float(select(variable, component)):12.5g}" for component in components)
        lines.append(f"{symbol:<{symbol_width}}  {name:<{name_width}}  {values}")
    meaning = {"i": "current along i", "l": "field along l", "s": "component s of the observable"}
    axes = [dim for dim in meaning if dim in dataset.dims]
    lines += ["", f"components {''.join(axes)}: {', '.join(meaning[axis] for axis in axes)}; sign as in postw90"]
    return "\n".join(lines)


def format_comparison(
    dataset: xarray.Dataset, level: float, components: list[str], compared: dict[tuple[str, float], np.ndarray]
) -> str:
    """Table of all quantities at one Fermi level against the multiplet threshold.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results for the threshold of the run.
    level : float
        Fermi level in eV, on the scan.
    components : list of str
    compared : dict of (str, float) to float array
        Tensors at the level by variable and threshold (eV).

    Returns
    -------
    str
    """
    at_level = dataset.sel(Efermi=level, method="nearest")
    own = float(_common(dataset, "multiplet_threshold_eV"))
    names = quantities(dataset)
    rows = {own: {name: at_level[name] for name in names}}
    for (name, threshold), data in compared.items():
        rows.setdefault(threshold, {})[name] = at_level[name].copy(data=data)
    headings = [f"{dataset[name].attrs['symbol']} {component}" for name in names for component in components]
    lines = [f"{'threshold/eV':<13}" + "".join(f"{heading:>13}" for heading in headings)]
    for threshold in sorted(rows):
        values = [float(select(rows[threshold][name], c)) for name in names for c in components]
        lines.append(f"{threshold:<13g}" + "".join(f"{value:>13.5g}" for value in values))
    return "\n".join(lines)


def format_csv(dataset: xarray.Dataset) -> str:
    """CSV of the whole scan: a row for each Fermi level and component, a column for each quantity.

    Lines of comment at the top begin with #; read it with ``pandas.read_csv(file, comment="#")``.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    """
    variables = list(dataset.data_vars.values())
    axes = [dim for dim in ("i", "l", "s") if dim in dataset.dims]
    text = io.StringIO()
    text.write(f"# wb_conserved {dataset.attrs['version_wb_conserved']}: {', '.join(conditions(dataset))}\n")
    for variable in variables:
        attributes = variable.attrs
        text.write(f"# {variable.name}: {attributes['symbol']}, {attributes['long_name']}; {attributes['units']}\n")
    meaning = {"i": "direction of flow", "l": "direction of the field", "s": "component of the observable"}
    text.write(f"# Efermi_eV: Fermi level in eV; {'; '.join(f'{axis}: {meaning[axis]}' for axis in axes)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Efermi_eV", *axes, *(variable.name for variable in variables)])
    columns = [variable.transpose("Efermi", *axes).values.reshape(-1) for variable in variables]
    rows = itertools.product(dataset["Efermi"].values.tolist(), *(dataset[axis].values.tolist() for axis in axes))
    for row, *values in zip(rows, *(column.tolist() for column in columns), strict=True):
        writer.writerow([*row, *values])
    return text.getvalue()


def _common(dataset, name):
    """Value of an attribute of the variables as text; all different ones where they differ, empty where none has it."""
    values = [variable.attrs[name] for variable in dataset.data_vars.values() if name in variable.attrs]
    texts = dict.fromkeys(f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in values)
    return " / ".join(texts)
