"""A number against the mesh, the multiplet threshold and the temperature: as tables, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray

from .groups import TEMPERATURES, at_level, groups, quantities, select
from .panels import _component, _style, _symbol, _unit
from .style import COLUMN, FONTS, SMALL

_HEIGHT = 1.9  # inches, of a panel
_APART = -0.12  # of error bars, along the axis of meshes
_LABELS = {"threshold": "multiplet threshold   [eV]", "kBT": r"$k_{\mathrm{B}}T$   [eV]"}


@dataclass(frozen=True)
class SettingScan:
    """Numbers at the Fermi level against a setting.

    Attributes
    ----------
    setting : str
        "threshold" or "kBT".
    values : tuple of float
        eV, ascending.
    numbers : mapping of (str, str) to list of float
        By name of the variable and component; NaN where the setting does not enter.
    headings : tuple of str
        Of the columns.
    """

    setting: str
    values: tuple[float, ...]
    numbers: Mapping[tuple[str, str], list[float]]
    headings: tuple[str, ...]


def others_as_scans(
    found: Mapping[tuple[str, str, float], np.ndarray], dataset: xarray.Dataset, components: Sequence[str] | None
) -> list[SettingScan]:
    """Scans from tensors by name, setting and value.

    Parameters
    ----------
    found : mapping of (str, str, float) to float array (..., *tensor)
        The first place of the scan counts.
    dataset : xarray.Dataset
        A series of meshes, for axes and symbols.
    components : sequence of str, optional
    """
    runs = dataset.isel(mesh=-1)[dataset.attrs["quantities"].split()]
    parts = [(group, component) for group in groups(runs) for component in group.components(components)]
    columns = [(name, component) for group, component in parts for name in group.names]
    scans = []
    for setting in dict.fromkeys(key[1] for key in found):
        values = tuple(sorted({key[2] for key in found if key[1] == setting}))
        numbers = {}
        for name, component in columns:
            parts = [found.get((name, setting, value)) for value in values]
            numbers[name, component] = [float("nan") if part is None else _at(part, component) for part in parts]
        headings = tuple(f"{runs[name].attrs['symbol']} {component}".rstrip() for name, component in columns)
        scans.append(SettingScan(setting, values, numbers, headings))
    return scans


def _at(tensor, component):
    rank = len(component)
    return float(tensor.reshape(-1, *(3,) * rank)[(0, *("xyz".index(letter) for letter in component))])


def format_scan(scan: SettingScan) -> str:
    """Table of a scan, a row for each value."""
    lines = [f"{f'{scan.setting}/eV':<14}" + "".join(f"{heading:>14}" for heading in scan.headings)]
    for number, value in enumerate(scan.values):
        cells = ("—" if np.isnan(column[number]) else f"{column[number]:.5g}" for column in scan.numbers.values())
        lines.append(f"{value:<14g}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def plot_convergence(
    dataset: xarray.Dataset,
    scans: Sequence[SettingScan],
    level: float | None,
    components: Sequence[str] | None,
    file: str | Path | Any = None,
    title: str = "",
):
    """Numbers at the Fermi level against the mesh with the extrapolated value and its error bar, and against other settings.

    A row of panels for each group of quantities and component, at the first temperature.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of a series of meshes.
    scans : sequence of SettingScan
    level : float or None
        eV.
    components : sequence of str, optional
    file : path or file object, optional
        Where the picture goes, as PNG or by its ending.
    title : str

    Returns
    -------
    array of matplotlib axes (panel, setting)
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    here = at_level(dataset, level)
    here = here.isel({TEMPERATURES: 0}) if TEMPERATURES in here.dims else here
    runs = here[[name for name in quantities(here) if f"{name}_extrapolated" in here]]
    panels = [(group, component) for group in groups(runs.isel(mesh=-1)) for component in group.components(components)]
    columns = 1 + len(scans)
    with matplotlib.rc_context(FONTS):
        width = COLUMN if columns == 1 else 2 * COLUMN
        figure = Figure(figsize=(width, 0.3 + len(panels) * (_HEIGHT + 0.3)), layout="constrained", dpi=300)
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(panels), columns, squeeze=False, sharey="row")
        for row, (group, component) in zip(axes, panels, strict=True):
            _draw_meshes(row[0], here, group, component)
            for panel, scan in zip(row[1:], scans, strict=True):
                _draw_scan(panel, scan, group, component)
            row[0].set_ylabel(f"{_component(here, group, component)}   [{_unit(group.unit)}]")
            row[0].legend(frameon=False, fontsize=SMALL, loc="best")
            for panel in row:
                panel.tick_params(direction="in", top=True, right=True)
                panel.margins(x=0.08, y=0.12)
        where = "" if level is None else rf"$E_{{\mathrm{{F}}}}$ = {level:g} eV"
        figure.suptitle(", ".join(filter(None, [title, where])), fontsize=SMALL, x=0.01, ha="left")
        if file is not None:
            figure.savefig(file, **({} if isinstance(file, str | Path) else {"format": "png"}))
    return axes


def _draw_meshes(panel, here, group, component):
    """Against 1/N², so that the law that is fitted is a line; the extrapolated value with its error bar at 0."""
    points = here["number_of_k_points"].values
    dimension = max(len([n for n in str(here["mesh"].values[-1]).split("x") if n != "1"]), 1)
    lengths = points ** (1 / dimension)
    inverse = (lengths.max() / lengths) ** 2
    for number, name in enumerate(group.names):
        style = {key: value for key, value in _style(name, group.names).items() if key in ("color", "linestyle", "linewidth")}
        values = select(here[name], component).values
        panel.plot(inverse, values, marker="o", markersize=3, label=_symbol(here[name].attrs["symbol"]), **style)
        attributes = {"axes": here[name].attrs["axes"]}
        parts = [select(here[f"{name}_{part}"].assign_attrs(attributes), component) for part in ("extrapolated", "error")]
        marks = {"fmt": "s", "markersize": 3, "capsize": 2, "color": style["color"]}
        panel.errorbar([_APART * number], [float(parts[0])], yerr=[float(parts[1])], **marks)
    label = str(here["mesh"].values[-1]).replace("x", r"\times")
    panel.set_xlabel(rf"$(N_{{\mathrm{{max}}}}/N)^2$   ($N_{{\mathrm{{max}}}}^{dimension}$: ${label}$)")


def _draw_scan(panel, scan, group, component):
    for name in group.names:
        style = {key: value for key, value in _style(name, group.names).items() if key in ("color", "linestyle", "linewidth")}
        panel.plot(scan.values, scan.numbers[name, component], marker="o", markersize=3, **style)
    if scan.setting == "threshold" and min(scan.values) > 0:
        panel.set_xscale("log")
        panel.minorticks_off()
        panel.set_xticks(scan.values, [f"{value:g}" for value in scan.values])
    panel.set_xlabel(_LABELS[scan.setting])
