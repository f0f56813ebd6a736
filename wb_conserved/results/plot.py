"""Picture of a scan of Fermi levels, all quantities together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from .table import check_components, conditions, quantities, select

_STYLES = {
    "kubo": {"color": "#1b3a6b", "linewidth": 2.4, "zorder": 5},
    "conserved": {"color": "#d1602f", "linewidth": 1.4, "zorder": 4},
    "conventional": {"color": "#6f6f6f", "linewidth": 1.4, "linestyle": (0, (5, 2)), "zorder": 3},
    "berry": {"color": "#3c8d5a", "linewidth": 1.0, "linestyle": (0, (1, 1.5)), "zorder": 2},
    "dipole": {"color": "#a05fa8", "linewidth": 1.0, "linestyle": (0, (3, 1.5, 1, 1.5)), "zorder": 2},
}


def plot_scan(dataset: xarray.Dataset, path: Path, level: float, components: list[str], title: str = "") -> None:
    """Write a PNG of all quantities against the Fermi level, one panel for each component.

    Parameters
    ----------
    dataset : xarray.Dataset
        One scan for all variables.
    path : Path
        File to write.
    level : float
        Fermi level in eV that the energy axis counts from.
    components : list of str
        Such as "xyz": current along x, field along y, s_z.
    title : str
        What the data is of.

    Raises
    ------
    ImportError
        Matplotlib is missing.
    ValueError
        Components that do not exist.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_components(dataset, components)
    figure = Figure(figsize=(6.4, 1.2 + 3.1 * len(components)), layout="constrained", dpi=200)
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(components), 1, sharex=True, squeeze=False)[:, 0]
    energies = dataset["Efermi"].values - level
    for panel, component in zip(panels, components, strict=True):
        for name in quantities(dataset):
            variable = dataset[name]
            style = {"marker": "o" if len(energies) < 12 else None, "markersize": 4, **_STYLES.get(str(name), {})}
            values = select(variable, component).values
            label = f"{_symbol(variable.attrs['symbol'])}  {variable.attrs['long_name']}"
            (line,) = panel.plot(energies, values, label=label, **style)
            if f"{name}_error" in dataset:
                error = select(dataset[f"{name}_error"], component).values
                panel.fill_between(energies, values - error, values + error, color=line.get_color(), alpha=0.2)
        panel.axhline(0, color="black", linewidth=0.6)
        panel.axvline(0, color="black", linewidth=0.6, linestyle=":")
        unit = next(iter(dataset.data_vars.values())).attrs["units"].replace("ħ", r"$\hbar$")
        panel.set_ylabel(f"{_component(component)}   [{unit}]")
        panel.tick_params(direction="in", top=True, right=True)
        if np.ptp(energies) > 0:
            panel.set_xlim(energies.min(), energies.max())
        panel.margins(y=0.08)
    panels[-1].set_xlabel(r"$E - E_{\mathrm{F}}$   [eV]")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1, frameon=False, fontsize=8.5)
    texts = conditions(dataset)
    panels[0].set_title("\n".join(filter(None, [title, ", ".join(texts)])), fontsize=8.5, loc="left")
    figure.savefig(path, format="png")


def _symbol(symbol):
    """σ_K as mathematics."""
    letter, _, index = symbol.partition("_")
    letter = letter.replace("σ", r"\sigma")
    return rf"${letter}_{{\mathrm{{{index}}}}}$" if index else rf"${letter}$"


def _component(component):
    """xyz as σ^z_xy."""
    return rf"$\sigma^{{\,{component[2:]}}}_{{{component[:2]}}}$" if component[2:] else rf"$\sigma_{{{component}}}$"
