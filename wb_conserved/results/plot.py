"""Pictures of a run, as wide as a column of a journal: all quantities against the Fermi level, and against the temperature."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path

import numpy as np
import xarray

from ..calculators import CATALOGUE
from .groups import LEVELS, MU, PARTS, TEMPERATURES, Group, at_level, check_components, frequency_axis, groups, select
from .table import conditions

_STYLES = (
    {"color": "#1b3a6b", "linewidth": 1.6, "zorder": 5},
    {"color": "#d1602f", "linewidth": 1.0, "zorder": 4},
    {"color": "#6f6f6f", "linewidth": 1.0, "linestyle": (0, (5, 2)), "zorder": 3},
    {"color": "#3c8d5a", "linewidth": 1.0, "linestyle": (0, (1, 1.2)), "zorder": 6},
    {"color": "#a05fa8", "linewidth": 1.0, "linestyle": (0, (3, 1.5, 1, 1.5)), "zorder": 2},
    {"color": "#b8860b", "linewidth": 1.0, "zorder": 2},
    {"color": "#00838f", "linewidth": 1.0, "linestyle": (0, (6, 1, 1, 1, 1, 1)), "zorder": 2},
    {"color": "#8b2f3a", "linewidth": 1.0, "linestyle": (0, (2, 1)), "zorder": 2},
)
"""Lines of the quantities of equal axes in the order of the catalogue, the headline first; then again."""
_GREEK = {"σ": r"\sigma", "α": r"\alpha", "τ": r"\tau", "Ω": r"\Omega", "χ": r"\chi", "γ": r"\gamma", "ω": r"\omega"}
_COLUMN, _HEIGHT, _LINE = 8.6 / 2.54, 1.9, 0.13  # inches: width of a column, height of a panel, of a line of text
_ONE_COLUMN = 4  # panels at most
_CHARACTERS = 76  # of a line of the title over a column
_FONTS = {"font.size": 8.0, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6}
_SMALL = 6.5
_FEW = 12  # points that are marked
_PALEST = 0.3
_PLAIN = (1e-2, 1e5)
_CONSTANT = 1e-2  # changes by less are shown on the scale of the quantity itself


def plot_scan(dataset: xarray.Dataset, path: Path, level: float, components: list[str] | None, title: str = "") -> None:
    """Write a PNG of all quantities against the Fermi level, one panel for each group and component.

    Of several temperatures, the lower ones are paler.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    path : Path or file object
        To write to.
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
    texts = [*conditions(dataset), f"E_F = {level:g} eV"]
    if TEMPERATURES in dataset.dims:
        several = " (pale to full)" if dataset.sizes[TEMPERATURES] > 1 else ""
        kelvin = ", ".join(f"{value:.4g}" for value in np.sort(dataset["kelvin"].values))
        texts.append(f"T = {kelvin} K{several}")
    _plot(dataset, path, LEVELS, level, r"$E - E_{\mathrm{F}}$   [eV]", components, [title, texts])


def plot_temperatures(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the temperature, at one Fermi level or at that which holds the electrons; see
    `plot_scan`.

    Parameters
    ----------
    level : float or None
        On the scan, eV; not used where a number of electrons sets it, which is then shown as well.
    """
    texts = conditions(dataset) + ([f"E_F = {level:g} eV"] if LEVELS in dataset.dims else [])
    _plot(at_level(dataset, level), path, TEMPERATURES, 0.0, r"$T$   [K]", components, [title, texts])


def plot_strengths(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the strength of the spin-orbit coupling; see `plot_temperatures`.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.diagnostics.spin_orbit_scan`.
    """
    texts = conditions(dataset) + ([f"E_F = {level:g} eV"] if LEVELS in dataset.dims else [])
    here = at_level(dataset, level)
    if MU in here.coords:
        here = here.drop_vars(MU)
    _plot(here, path, "spin_orbit_strength", 0.0, r"$\lambda$", components, [title, texts])


def plot_spectrum(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the frequency, real parts full and imaginary ones pale, at one Fermi level, or at
    that which holds the electrons, and at the lowest temperature; see `plot_scan`.

    Parameters
    ----------
    level : float or None
        On the scan, eV; not used where a number of electrons sets it.
    """
    texts = conditions(dataset) + ([f"E_F = {level:g} eV"] if LEVELS in dataset.dims else [])
    here = at_level(dataset, level)
    if TEMPERATURES in here.dims:
        here = here.isel({TEMPERATURES: int(here[TEMPERATURES].values.argmin())})
        texts.append(f"T = {float(here['kelvin']):.4g} K")
    if MU in here.coords:
        here = here.drop_vars(MU)
    texts.append("imaginary parts pale")
    axes = {frequency_axis(variable) for variable in here.data_vars.values()}
    if len(axes) > 1:
        raise ValueError(f"frequencies: expected the same for all quantities in one picture; found {', '.join(sorted(axes))}")
    _plot(here, path, axes.pop(), 0.0, r"$\hbar\omega$   [eV]", components, [title, texts])


def _plot(dataset, path, along, origin, label, components, title):
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_components(dataset, components)
    dataset = dataset.sortby([dim for dim in (LEVELS, TEMPERATURES) if dim in dataset.dims])
    x = dataset["kelvin" if along == TEMPERATURES else along].values - origin
    panels = [
        (group, component) for group in groups(dataset) for component in group.components(components)
        if any(select(dataset[name], component).notnull().any() for name in group.names)  # not all left out
    ]  # fmt: skip
    number = len(panels) + (MU in dataset.coords)
    columns = 1 if number <= _ONE_COLUMN else 2
    rows = math.ceil(number / columns)
    lines = sum(len(group.names) for group, _ in panels) / columns
    with matplotlib.rc_context(_FONTS):
        figure = Figure(figsize=(columns * _COLUMN, 0.6 + rows * _HEIGHT + lines * _LINE), layout="constrained", dpi=300)
        FigureCanvasAgg(figure)
        every = figure.subplots(rows, columns, squeeze=False).T.ravel()
        for panel, (group, component) in zip(every, panels, strict=False):
            _draw(panel, dataset, group, component, x, along)
        if MU in dataset.coords:
            _draw_level(every[len(panels)], dataset, x)
        for panel in every[:number]:
            panel.tick_params(direction="in", top=True, right=True)
            if np.ptp(x) > 0:
                margin = 0.02 * np.ptp(x) if len(x) < _FEW else 0.0
                panel.set_xlim(x.min() - margin, x.max() + margin)
            panel.set_xlabel(label)
        for panel in every[number:]:
            panel.set_axis_off()
        figure.suptitle(_title(*title, _CHARACTERS * columns), fontsize=_SMALL, x=0.01, ha="left", linespacing=1.3)
        figure.savefig(path, format="png")


def _draw(panel, dataset, group, component, x, along):
    """One component of the quantities of a group."""
    power = _power(max(float(abs(select(dataset[name], component)).max()) for name in group.names))
    for name in group.names:
        variable = dataset[name]
        text = f"{_symbol(variable.attrs['symbol'])}  {variable.attrs['long_name']}"
        curve = _style(name, group.names) | _marker(x)
        _curves(panel, dataset, name, component, x, along, style=curve, text=text, scale=10.0**-power)
    if group.axes:  # the sign matters
        panel.axhline(0, color="black", linewidth=0.5, zorder=1)
    if along == LEVELS:
        panel.axvline(0, color="black", linewidth=0.5, linestyle=":", zorder=1)
    panel.margins(y=0.08)
    _widen(panel)
    scale = rf"$10^{{{power}}}$ " if power else ""
    panel.set_ylabel(f"{_component(dataset, group, component)}   [{scale}{_unit(group.unit)}]")
    panel.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=_SMALL, borderaxespad=0.3, labelspacing=0.25
    )


def _draw_level(panel, dataset, x):
    """The level that holds the electrons, against the temperature."""
    panel.plot(x, dataset[MU].values, **_STYLES[0] | _marker(x))
    panel.margins(y=0.08)
    panel.ticklabel_format(axis="y", useOffset=False)
    panel.set_ylabel(r"$\mu$   [eV]")


def _power(largest):
    """Power of ten that goes to the unit, where the numbers beside the axis would be long."""
    return 0 if largest == 0 or _PLAIN[0] <= largest < _PLAIN[1] else math.floor(math.log10(largest))


def _curves(panel, dataset, name, component, x, along, *, style, text, scale):
    """Draw a quantity, at each of several temperatures, the last one with its name."""
    if "part" in dataset[name].dims:
        for which, pale in zip(PARTS, (1.0, 0.45), strict=True):
            values = scale * select(dataset[name].sel(part=which), component).values
            panel.plot(x, values, alpha=pale, label=text if which == PARTS[0] else None, **style)
        return
    others = [dim for dim in (LEVELS, TEMPERATURES) if dim in dataset[name].dims and dim != along]
    number = dataset.sizes[others[0]] if others else 1
    for i in range(number):
        part = dataset[[other for other in (name, f"{name}_error") if other in dataset]].isel(dict.fromkeys(others, i))
        values = scale * select(part[name], component).values
        alpha = 1.0 if number == 1 else _PALEST + (1 - _PALEST) * i / (number - 1)
        (line,) = panel.plot(x, values, alpha=alpha, label=text if i == number - 1 else None, **style)
        if f"{name}_error" in part:
            error = scale * select(part[f"{name}_error"], component).values
            panel.fill_between(x, values - error, values + error, color=line.get_color(), alpha=0.2 * alpha, linewidth=0)


def _widen(panel):
    """Let what hardly changes look so."""
    values = np.concatenate([line.get_ydata() for line in panel.get_lines() if len(line.get_ydata()) > 0])
    middle, size = 0.5 * (values.min() + values.max()), np.abs(values).max()
    if size > 0 and np.ptp(values) < _CONSTANT * size:
        panel.set_ylim(middle - _CONSTANT * size, middle + _CONSTANT * size)
    panel.ticklabel_format(axis="y", useOffset=False)


def _marker(x):
    return {"marker": "o", "markersize": 2.5} if len(x) < _FEW else {}


def _style(name, names):
    """That of a quantity's place among those of equal axes in the catalogue, the same in every picture; other names follow."""
    if name in CATALOGUE:
        return dict(_STYLES[_place(name) % len(_STYLES)])
    known = [other for other in names if other in CATALOGUE]
    place = 1 + max((_place(other) for other in known), default=-1) + [n for n in names if n not in CATALOGUE].index(name)
    return dict(_STYLES[place % len(_STYLES)])


def _place(name):
    """Place of a quantity among those of equal axes in the catalogue."""
    return [other for other, entry in CATALOGUE.items() if entry.axes == CATALOGUE[name].axes].index(name)


def _title(title, texts, characters):
    """What the data is of, and the conditions, none of them broken."""
    whole = [text.replace(" ", "\u00a0") for text in texts]
    lines = textwrap.wrap(", ".join(whole), characters, break_long_words=False) if whole else []
    return "\n".join(filter(None, [title, *lines])).replace("E_F", r"$E_{\mathrm{F}}$")


def _unit(unit):
    """A unit with its powers and ħ as mathematics."""
    return re.sub(r"\^(-?\d+)", r"$^{\1}$", unit).replace("ħ", r"$\hbar$")


def _letters(text):
    """Letters as mathematics, a word upright."""
    if len(text) > 1 and text.isascii() and text.isalpha():
        return rf"\mathrm{{{text}}}"
    return "".join(_GREEK.get(character, character) for character in text)


def _symbol(symbol):
    """σ_K as mathematics."""
    letter, _, index = symbol.partition("_")
    index, bracket, argument = index.partition("(")
    argument = rf"{bracket}{_letters(argument[:-1])})" if argument else ""
    return rf"${_letters(letter)}_{{\mathrm{{{index}}}}}{argument}$" if index else rf"${_letters(letter)}$"


def _component(dataset, group: Group, component):
    """xyz of σ_K, σ_in as σ^z_xy: the letter that the symbols of a group have in common, with the component; an index τ above
    keeps the component of the observable as its own."""
    letters = {dataset[name].attrs["symbol"].partition("_")[0] for name in group.names}
    letter, _, above = (letters.pop() if len(letters) == 1 else "X").partition("^")
    spin = component[-1] if "s" in group.axes else ""
    tensor = component[: len(component) - len(spin)]
    if above and above != "s":
        spin = f"{_letters(above)}_{{{spin}}}" if spin else _letters(above)
    upper, lower = (rf"^{{\,{spin}}}" if spin else ""), (f"_{{{tensor}}}" if tensor else "")
    return f"${_letters(letter)}{upper}{lower}$"
