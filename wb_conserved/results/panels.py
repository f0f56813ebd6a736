"""Panels of pictures as wide as a column of a journal: curves of quantities that belong together, with names and units."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass

import numpy as np
import xarray

from ..calculators import CATALOGUE
from .groups import LEVELS, MU, PART, PARTS, TEMPERATURES, Group, select
from .style import COLUMN, FONTS, SMALL, STYLES

_GREEK = {
    "σ": r"\sigma", "α": r"\alpha", "τ": r"\tau", "Ω": r"\Omega", "χ": r"\chi", "λ": r"\lambda", "ρ": r"\rho",
    "θ": r"\theta", "∂": r"\partial ", "γ": r"\gamma", "ω": r"\omega",
}  # fmt: skip
_HEIGHT, _LINE = 1.9, 0.13  # inches: height of a panel, of a line of text
_ONE_COLUMN = 4  # panels at most
_CHARACTERS = 76  # of a line of the title over a column
_FEW = 12  # points that are marked
_PALEST = 0.3
_IMAGINARY = 0.45  # how full imaginary parts are
_PLAIN = (1e-2, 1e5)
_CONSTANT = 1e-2  # changes by less are shown on the scale of the quantity itself
_DECADES, _FACTOR = 1e-5, 1.5  # of the largest value, below which an axis of logarithms does not reach, and which it shows


@dataclass(frozen=True)
class Axis:
    """The axis to the right: dimension of the data set, numbers, and label."""

    along: str
    x: np.ndarray
    label: str
    logarithms: bool = False


@dataclass(frozen=True)
class Panel:
    """One component of the quantities of a group, from a data set."""

    dataset: xarray.Dataset
    group: Group
    component: str
    note: str = ""


def plot_panels(panels: list[Panel], path, axis: Axis, title, counted: xarray.Dataset | None = None) -> None:
    """Write a PNG of panels, and of the level of the electrons that a data set has counted.

    Names stand above the first panel of each group only.  Panels of what was not computed are left out.

    Parameters
    ----------
    panels : list of Panel
    path : Path or file object
    axis : Axis
    title : (str, list of str)
        What the data is of, and the conditions.
    counted : xarray.Dataset, optional
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for panel in panels if _computed(panel)] or panels
    x, number = axis.x, len(panels) + (counted is not None)
    columns = 1 if number <= _ONE_COLUMN else 2
    rows = math.ceil(number / columns)
    named = [all(panel.group is not before.group for before in panels[:i]) for i, panel in enumerate(panels)]
    lines = sum(len(_names(panel)) * named[i] + bool(panel.note) for i, panel in enumerate(panels)) / columns
    with matplotlib.rc_context(FONTS):
        figure = Figure(figsize=(columns * COLUMN, 0.6 + rows * _HEIGHT + lines * _LINE), layout="constrained", dpi=300)
        FigureCanvasAgg(figure)
        every = figure.subplots(rows, columns, squeeze=False).T.ravel()
        for axes, panel, with_names in zip(every, panels, named, strict=False):
            _draw(axes, panel, axis, with_names)
        if counted is not None:
            _draw_level(every[len(panels)], counted, x)
        for axes in every[:number]:
            axes.tick_params(which="both", direction="in", top=True, right=True)
            if np.ptp(x) > 0 and not axis.logarithms:
                margin = 0.02 * np.ptp(x) if len(x) < _FEW else 0.0
                axes.set_xlim(x.min() - margin, x.max() + margin)
            axes.set_xlabel(axis.label)
        for axes in every[number:]:
            axes.set_axis_off()
        figure.suptitle(_title(*title, _CHARACTERS * columns), fontsize=SMALL, x=0.01, ha="left", linespacing=1.3)
        figure.savefig(path, format="png")


def _computed(panel):
    """Whether there is a number of one of the quantities of a panel."""
    return any(bool(select(panel.dataset[name], panel.component).notnull().any()) for name in panel.group.names)


def _names(panel):
    """Quantities of a panel: those of a group, and of others the parts of their sum."""
    dataset, names = panel.dataset, panel.group.names
    parts = [part for name in names for part in dataset[name].attrs.get("sum_of", "").split()]
    return [*names, *(part for part in parts if part in dataset and part not in names)]


def _draw(axes, panel, axis, with_names):
    dataset, group, component = panel.dataset, panel.group, panel.component
    sizes = [float(abs(select(dataset[name], component)).max()) for name in group.names]
    largest = max((size for size in sizes if np.isfinite(size)), default=0.0)
    power = 0 if axis.logarithms else _power(largest)
    for name in _names(panel):
        attributes = dataset[name].attrs
        text = f"{_symbol(attributes['symbol'])}  {_mathematics(attributes['long_name'])}" if with_names else None
        curve = (_style(name, group.names) if name in group.names else dict(STYLES[-1])) | _marker(axis.x)
        _curves(axes, dataset, name, component, axis, style=curve, text=text, scale=10.0**-power)
    if axis.logarithms:
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        if largest > 0:
            low, high = axes.get_ylim()
            low, high = axes.set_ylim(max(min(low, largest / _FACTOR), _DECADES * largest), max(high, largest * _FACTOR))
            if high < 10 * low and _PLAIN[0] <= low < high < _PLAIN[1]:  # numbers rather than powers
                axes.yaxis.set_minor_formatter(lambda y, _: f"{y:g}" if f"{y:e}"[0] in "12357" else "")
                axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    else:
        if group.axes:  # the sign matters
            axes.axhline(0, color="black", linewidth=0.5, zorder=1)
        if axis.along == LEVELS:
            axes.axvline(0, color="black", linewidth=0.5, linestyle=":", zorder=1)
        axes.margins(y=0.08)
        _widen(axes)
    axes.set_ylabel(_label(panel, axis, power))
    if with_names:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=SMALL, borderaxespad=0.3, labelspacing=0.25,
            title=_mathematics(panel.note) or None, title_fontsize=SMALL, alignment="left",
        )  # fmt: skip
    elif panel.note:
        axes.set_title(_mathematics(panel.note), loc="left", fontsize=SMALL, pad=3)


def _label(panel, axis, power):
    """Quantity and unit beside the axis."""
    quantity = _component(panel.dataset, panel.group, panel.component)
    quantity = f"|{quantity}|" if axis.logarithms and panel.group.axes else quantity
    unit = "" if panel.group.unit == "1" else _unit(panel.group.unit)
    scale = rf"$10^{{{power}}}$" if power else ""
    units = " ".join(filter(None, [scale, unit]))
    return f"{quantity}   [{units}]" if units else quantity


def _draw_level(axes, dataset, x):
    """The level that holds the electrons, against the temperature."""
    axes.plot(x, dataset[MU].values, **STYLES[0] | _marker(x))
    axes.margins(y=0.08)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_ylabel(r"$\mu$   [eV]")


def _power(largest):
    """Power of ten that goes to the unit, where the numbers beside the axis would be long."""
    return 0 if largest == 0 or _PLAIN[0] <= largest < _PLAIN[1] else math.floor(math.log10(largest))


def _curves(axes, dataset, name, component, axis, *, style, text, scale):
    """Draw a quantity, at each of several temperatures, the last one with its name."""
    if PART in dataset[name].dims:
        for which, alpha in zip(PARTS, (1.0, _IMAGINARY), strict=True):
            values = scale * select(dataset[name].sel({PART: which}), component).values
            axes.plot(axis.x, values, alpha=alpha, label=text if which == PARTS[0] else None, **style)
        return
    others = [dim for dim in (LEVELS, TEMPERATURES) if dim in dataset[name].dims and dim != axis.along]
    number = dataset.sizes[others[0]] if others else 1
    for i in range(number):
        part = dataset[[other for other in (name, f"{name}_error") if other in dataset]].isel(dict.fromkeys(others, i))
        values = np.broadcast_to(scale * select(part[name], component).values, axis.x.shape)  # of a clean one at every x
        alpha = 1.0 if number == 1 else _PALEST + (1 - _PALEST) * i / (number - 1)
        label = text if i == number - 1 else None
        if axis.logarithms:
            (line,) = axes.plot(axis.x, np.where(values == 0, np.nan, np.abs(values)), alpha=alpha, label=label, **style)
            axes.plot(
                axis.x, np.where(values < 0, -values, np.nan), alpha=alpha,
                **style | {"linestyle": "none", "markerfacecolor": "white", "zorder": 10},
            )  # fmt: skip
        else:
            (line,) = axes.plot(axis.x, values, alpha=alpha, label=label, **style)
        if f"{name}_error" in part:
            error = scale * select(part[f"{name}_error"], component).values
            axes.fill_between(axis.x, values - error, values + error, color=line.get_color(), alpha=0.2 * alpha, linewidth=0)


def _widen(axes):
    """Let what hardly changes look so."""
    values = np.concatenate([line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) > 0])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return
    middle, size = 0.5 * (values.min() + values.max()), np.abs(values).max()
    if size > 0 and np.ptp(values) < _CONSTANT * size:
        axes.set_ylim(middle - _CONSTANT * size, middle + _CONSTANT * size)
    axes.ticklabel_format(axis="y", useOffset=False)


def _marker(x):
    return {"marker": "o", "markersize": 2.5} if len(x) < _FEW else {}


def _style(name, names):
    """That of a quantity's place among those of equal axes and family in the catalogue, the same in every picture; other names
    of a panel follow."""
    if name in CATALOGUE:
        return dict(STYLES[_place(name) % len(STYLES)])
    known = [_place(other) for other in names if other in CATALOGUE]
    others = [other for other in names if other not in CATALOGUE]
    return dict(STYLES[(1 + max(known, default=-1) + others.index(name)) % len(STYLES)])


def _place(name):
    """Place of a quantity among those of equal axes and family in the catalogue."""
    own = CATALOGUE[name]
    return [other for other, entry in CATALOGUE.items() if (entry.axes, entry.family) == (own.axes, own.family)].index(name)


def _title(title, texts, characters):
    """What the data is of, and the conditions, none of them broken."""
    whole = [text.replace(" ", "\u00a0") for text in texts]
    lines = textwrap.wrap(", ".join(whole), characters, break_long_words=False) if whole else []
    return _mathematics("\n".join(filter(None, [title, *lines])))


def _mathematics(text):
    """E_F, σ_B and their like as mathematics."""
    return re.sub(r"\b[Eσ]_\w+", lambda found: _symbol(found[0]), text)


def _unit(unit):
    """A unit with its powers, indices and ħ as mathematics."""
    unit = re.sub(r"([μk])_B", lambda found: rf"${'k' if found[1] == 'k' else chr(92) + 'mu'}_{{\mathrm{{B}}}}$", unit)
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
