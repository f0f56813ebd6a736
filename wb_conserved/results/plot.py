"""Pictures of a run: all quantities against the Fermi level, and against the temperature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from ..calculators import CATALOGUE
from .groups import LEVELS, TEMPERATURES, Group, at_level, check_components, groups, select
from .table import conditions

_STYLES = (
    {"color": "#1b3a6b", "linewidth": 2.4, "zorder": 5},
    {"color": "#d1602f", "linewidth": 1.4, "zorder": 4},
    {"color": "#6f6f6f", "linewidth": 1.4, "linestyle": (0, (5, 2)), "zorder": 3},
    {"color": "#3c8d5a", "linewidth": 1.0, "linestyle": (0, (1, 1.5)), "zorder": 2},
    {"color": "#a05fa8", "linewidth": 1.0, "linestyle": (0, (3, 1.5, 1, 1.5)), "zorder": 2},
    {"color": "#b8860b", "linewidth": 1.4, "zorder": 3},
)
"""Lines of the quantities in the order of the catalogue, the headline first; then again."""
_GREEK = {"σ": r"\sigma", "α": r"\alpha", "τ": r"\tau", "Ω": r"\Omega", "χ": r"\chi"}
_FEW = 12  # points that are marked


def plot_scan(dataset: xarray.Dataset, path: Path, level: float, components: list[str] | None, title: str = "") -> None:
    """Write a PNG of all quantities against the Fermi level, one panel for each group and component.

    Of several temperatures, the lower ones are paler.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    path : Path
        File to write.
    level : float
        Fermi level in eV that the energy axis counts from.
    components : list of str
        Such as "xyz"; see `format_table`.
    title : str
        What the data is of.

    Raises
    ------
    ImportError
        Matplotlib is missing.
    ValueError
        Components that do not exist.
    """
    _plot(dataset, path, dataset[LEVELS].values - level, LEVELS, r"$E - E_{\mathrm{F}}$   [eV]", components, title)


def plot_temperatures(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the temperature, at one Fermi level; see `plot_scan`.

    Parameters
    ----------
    level : float or None
        On the scan, eV; not used where a number of electrons sets it.
    """
    here = at_level(dataset, level)
    _plot(here, path, here["kelvin"].values, TEMPERATURES, r"$T$   [K]", components, title)


def _plot(dataset, path, x, along, label, components, title):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_components(dataset, components)
    panels = [(group, component) for group in groups(dataset) for component in group.components(components)]
    figure = Figure(figsize=(6.4, 1.2 + 3.1 * len(panels)), layout="constrained", dpi=200)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    lines = {}
    for panel, (group, component) in zip(axes, panels, strict=True):
        for name in group.names:
            variable = dataset[name]
            style = _style(name) | {"marker": "o" if len(x) < _FEW else None, "markersize": 4}
            text = f"{_symbol(variable.attrs['symbol'])}  {variable.attrs['long_name']}"
            lines[text] = _curves(panel, dataset, name, component, x, along, style)
        panel.axhline(0, color="black", linewidth=0.6)
        if along == LEVELS:
            panel.axvline(0, color="black", linewidth=0.6, linestyle=":")
        unit = group.unit.replace("ħ", r"$\hbar$")
        panel.set_ylabel(f"{_component(dataset, group, component)}   [{unit}]")
        panel.tick_params(direction="in", top=True, right=True)
        if np.ptp(x) > 0:
            panel.set_xlim(x.min(), x.max())
        panel.margins(y=0.08)
    axes[-1].set_xlabel(label)
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=1, frameon=False, fontsize=8.5)
    texts = conditions(dataset)
    if along == LEVELS and TEMPERATURES in dataset.dims:
        texts.append("T = " + ", ".join(f"{kelvin:.4g}" for kelvin in dataset["kelvin"].values) + " K, paler the lower")
    axes[0].set_title("\n".join(filter(None, [title, ", ".join(texts)])), fontsize=8.5, loc="left")
    figure.savefig(path, format="png")


def _curves(panel, dataset, name, component, x, along, style):
    """Draw a quantity, at each of several temperatures; the line of the last one, for the legend."""
    others = [dim for dim in (LEVELS, TEMPERATURES) if dim in dataset[name].dims and dim != along]
    number = dataset.sizes[others[0]] if others else 1
    for i in range(number):
        part = dataset[[other for other in (name, f"{name}_error") if other in dataset]].isel(dict.fromkeys(others, i))
        values = select(part[name], component).values
        (line,) = panel.plot(x, values, alpha=(i + 1) / number, **style)
        if f"{name}_error" in part:
            error = select(part[f"{name}_error"], component).values
            panel.fill_between(x, values - error, values + error, color=line.get_color(), alpha=0.2)
    return line


def _style(name):
    """That of a quantity's place in the catalogue, the same in every picture; of another name the first one."""
    place = list(CATALOGUE).index(name) if name in CATALOGUE else 0
    return dict(_STYLES[place % len(_STYLES)])


def _symbol(symbol):
    """σ_K as mathematics."""
    letter, _, index = symbol.partition("_")
    letter = "".join(_GREEK.get(character, character) for character in letter)
    return rf"${letter}_{{\mathrm{{{index}}}}}$" if index else rf"${letter}$"


def _component(dataset, group: Group, component):
    """xyz of σ_K, σ_in as σ^z_xy: the letter that the symbols of a group have in common, with the component."""
    letters = {dataset[name].attrs["symbol"].partition("_")[0] for name in group.names}
    letter = letters.pop() if len(letters) == 1 else ""
    letter = "".join(_GREEK.get(character, character) for character in letter.partition("^")[0])
    spin = component[-1] if "s" in group.axes else ""
    tensor = component[: len(component) - len(spin)]
    if not component:
        return rf"${letter}$"
    return rf"${letter or 'X'}^{{\,{spin}}}_{{{tensor}}}$" if spin else rf"${letter or 'X'}_{{{tensor}}}$"
