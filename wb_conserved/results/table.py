"""Results as text: the table at one Fermi level."""

from __future__ import annotations

import numpy as np
import xarray

from .groups import (
    LEVELS,
    PARTS,
    at_level,
    check_components,
    condition_columns,
    frequency_axis,
    groups,
    of_conditions,
    select,
)
from .noise import format_counts

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
    return texts + _of_impurities(dataset)


def _of_impurities(dataset):
    """How impurities scatter; nothing without any."""
    impurities = _common(dataset, "impurities")
    if not impurities:
        return []
    rate, width = _common(dataset, "extra_rate_eV"), _common(dataset, "shell_width_eV")
    absorbed = _all_have(dataset, "first_order", 0)
    return [
        impurities,
        f"scattering {_common(dataset, 'impurity_scattering')}",
        *([f"energy shells of {width} eV"] if width else []),
        *([f"extra rate {rate} eV"] if rate else []),
        *(["without shifts of levels of first order"] if absorbed else []),
    ]


def format_table(dataset: xarray.Dataset, level: float | None, components: list[str] | None = None) -> str:
    """Table of all quantities at one Fermi level, a part for each group of equal axes and units.

    At one temperature a row for each quantity and a column for each component; at several, or at several concentrations of
    impurities, a row for each of them, a column for each quantity, and a part for each component.

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
    widths = [max(map(len, texts)) for texts in zip(*map(_heading, dataset.data_vars.values()), strict=True)]
    lines: list[str] = []
    for group in groups(dataset):
        where = f"E_F = {level:g} eV, " if LEVELS in group.scan else ""
        lines += ["", ""] if lines else []
        lines.append(f"{where}values in {group.unit}" + (f": {group.family}" if group.family else ""))
        if len(lines) == 1:
            lines.append(", ".join(conditions(dataset)))
        names = [name for name in dataset.data_vars if name in group.names or _error_of(dataset, name) in group.names]
        static_rows = _rows_of_conditions if len(of_conditions(here[names])) > 1 else _rows_of_quantities
        rows = static_rows if frequency_axis(dataset[group.names[0]]) is None else _rows_of_frequencies
        lines += ["", *rows(here[names], group.components(components), widths)]
        lines += [text for text in (format_counts(dataset, list(group.names)),) if text]
        if group.legend():
            lines += ["", group.legend()]
    return "\n".join(lines)


def format_findings(dataset: xarray.Dataset) -> str:
    """What vanishes in exact arithmetic, and the limits of what was solved, one line each; empty where there is nothing.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.results.dataset.RunResult.to_dataset`.
    """
    residuals = {str(name): value for name, value in dataset.attrs.items() if str(name).startswith(_RESIDUAL)}
    texts = [f"{name.removeprefix(_RESIDUAL).replace('_', ' ')} {value:.1e}" for name, value in residuals.items()]
    lines = [f"residuals {', '.join(texts)} (0 in exact arithmetic)"] if texts else []
    return "\n".join([*lines, *(f"limit     {text}" for text in dataset.attrs.get("limits", "").splitlines())])


_RESIDUAL = "residual_"


def _heading(variable):
    """Symbol and name of a variable; of an error a short one, as it stands below what it is the error of."""
    return variable.attrs["symbol"], "its estimated error" if "error_of" in variable.attrs else variable.attrs["long_name"]


def _rows_of_quantities(part, components, widths):
    """A row for each quantity of a group, at one temperature."""
    ((text, at_one),) = of_conditions(part)
    if text:
        yield text
    if any(components):
        yield " " * (sum(widths) + 4) + "".join(f"{component:>12}" for component in components)
    for variable in at_one.data_vars.values():
        values = "".join(f"{float(select(variable, component)):12.5g}" for component in components)
        yield "  ".join([*(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)), values])


def _rows_of_conditions(part, components, widths):
    """A row for each temperature and concentration, a column for each quantity of a group."""
    for variable in part.data_vars.values():
        yield "  ".join(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)).rstrip()
    for component in components:
        yield ""
        headings = {name: f"  {heading(variable, component):>12}" for name, variable in part.data_vars.items()}
        parts = [at_one for _, at_one in of_conditions(part)]
        yield _left(condition_columns(parts[0])) + "".join(headings.values())
        for at_one in parts:
            values = (f"{float(select(at_one[name], component)):>{len(text)}.5g}" for name, text in headings.items())
            yield _left(condition_columns(at_one).values()) + "".join(values)


def _rows_of_frequencies(part, components, widths):
    """A row for each of some frequencies, two columns for each quantity of a group, at each temperature."""
    for variable in part.data_vars.values():
        yield "  ".join(f"{text:<{width}}" for text, width in zip(_heading(variable), widths, strict=True)).rstrip()
    axis = frequency_axis(next(iter(part.data_vars.values())))
    frequencies = part[axis].values
    shown = np.unique(np.linspace(0, len(frequencies) - 1, min(_FREQUENCIES, len(frequencies))).round().astype(int))
    for text, at_one in of_conditions(part):
        for component in components:
            yield ""
            if text:
                yield text
            names = [heading(variable, component) for variable in part.data_vars.values()]
            headings = [f"  {f'{mark} {name}':>18}" for name in names for mark in ("Re", "Im")]
            yield _left(["ω/eV"]) + "".join(headings)
            for i in shown.tolist():
                here = (select(variable, component).isel({axis: i}) for variable in at_one.data_vars.values())
                numbers = [float(one.sel(part=which)) for one in here for which in PARTS]
                cells = (f"{number:>{len(text)}.5g}" for number, text in zip(numbers, headings, strict=True))
                yield _left([f"{frequencies[i]:g}"]) + "".join(cells)
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
    lines: list[str] = []
    for group in groups(dataset[names]):
        of_group = {threshold: of_conditions(table[list(group.names)]) for threshold, table in tables.items()}
        several = len(of_group[own]) > 1
        columns = [(name, component) for name in group.names for component in group.components(components)]
        headings = "".join(f"{heading(dataset[name], component):>14}" for name, component in columns)
        lines += [""] if lines else []
        lines.append(f"values in {group.unit}" + (f": {group.family}" if group.family else ""))
        first = condition_columns(of_group[own][0][1]) if several else ()
        lines.append(_left(["threshold/eV", *first]) + headings)
        for at_each in zip(*(of_group[threshold] for threshold in sorted(tables)), strict=True):
            for threshold, (_, at_one) in zip(sorted(tables), at_each, strict=True):
                first = condition_columns(at_one).values() if several else ()
                values = "".join(f"{float(select(at_one[name], component)):>14.5g}" for name, component in columns)
                lines.append(_left([f"{threshold:g}", *first]) + values)
    return "\n".join(lines)


def _left(texts):
    """The first columns of a row."""
    return "".join(f"{text:<14}" for text in texts)


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
