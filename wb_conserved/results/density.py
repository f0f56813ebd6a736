"""Pictures of tabulated densities: along a path, summed over bands, and in a plane of k space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from wannierberri.result import TABresult

from ..errors import how_to_install

_COLUMN = 8.6 / 2.54  # inches
_LINEAR = 0.02  # of the limit


def component_of(table: TABresult, quantity: str, component: str) -> np.ndarray:
    """Sum over bands (k,) of one component of a tabulated quantity.

    Raises
    ------
    ValueError
        An unknown quantity, or a component that it does not have.
    """
    if quantity not in table.results:
        raise ValueError(f"quantity: expected one of {sorted(table.results)}, found {quantity!r}")
    values = table.results[quantity].data
    if len(component) != values.ndim - 2 or set(component) - set("xyz"):
        raise ValueError(f"component: expected {values.ndim - 2} of x, y and z for {quantity}, found {component!r}")
    return values[(..., *("xyz".index(axis) for axis in component))].sum(axis=1)


def plot_density(
    table: TABresult, path, quantities, component: str = "xyz", *, file: str | Path | None = None, label="", title=""
):
    """Densities along a path, summed over bands, on a scale that is linear near 0 and logarithmic beyond.

    Parameters
    ----------
    table : wannierberri.result.TABresult
        Of a ``TabulatorAll`` with `ConductivityDensity` on the path.
    path : wannierberri.Path
    quantities : str or sequence of str
        Names of tabulators.
    component : str
    file : str or Path, optional
        Where to save the picture.
    label, title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    Figure, _ = _matplotlib()
    names = [quantities] if isinstance(quantities, str) else list(quantities)
    curves = {name: component_of(table, name, component) for name in names}
    limit = max(np.abs(curve).max() for curve in curves.values()) or 1.0
    k = path.getKline()
    figure = Figure(figsize=(_COLUMN, 0.75 * _COLUMN), layout="constrained", dpi=300)
    axes = figure.add_subplot()
    jumps = np.split(np.arange(len(k)), np.flatnonzero(np.diff(k) <= 1e-12) + 1)  # a path may jump
    for number, (name, curve) in enumerate(curves.items()):
        for part in jumps:
            text = name if part is jumps[0] else None
            axes.plot(k[part], curve[part], color=f"C{number}", linewidth=1.0, label=text)
    axes.axhline(0.0, color="black", linewidth=0.5)
    axes.set_yscale("symlog", linthresh=_LINEAR * limit)
    axes.set(xlim=(k[0], k[-1]), title=title)
    axes.set_ylabel(label or f"{component}   [Å²]")
    ticks: dict[float, str] = {}
    for i, text in dict(path.labels).items():
        place = next((x for x in ticks if abs(x - k[i]) < 1e-12), float(k[i]))
        ticks[place] = "|".join(filter(None, [ticks.get(place), text]))
    axes.set_xticks(list(ticks), list(ticks.values()))
    for place in ticks:
        axes.axvline(place, color="0.7", linewidth=0.5)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(curves))
    return _saved(figure, file)


def plot_plane(
    table: TABresult, quantity: str, component: str = "xyz", *, file: str | Path | None = None, label="", title=""
):
    """Density in a plane of k space, summed over bands, colours linear near 0 and logarithmic beyond.

    Parameters
    ----------
    table : wannierberri.result.TABresult
        Of a ``TabulatorAll(mode="grid")`` on a mesh (n, m, 1), or with the 1 elsewhere.
    quantity, component, file, label, title
        See `plot_density`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        K points that are no plane of a regular mesh.
    """
    Figure, SymLogNorm = _matplotlib()
    values, kpoints = component_of(table, quantity, component), np.asarray(table.kpoints) % 1
    spread = [np.unique(kpoints[:, a].round(9)) for a in range(3)]
    plane = [a for a in range(3) if len(spread[a]) > 1]
    if len(plane) != 2 or len(values) != np.prod([len(spread[a]) for a in plane]):
        raise ValueError(f"table: expected the k points of a mesh (n, m, 1), found {[len(x) for x in spread]} values of k")
    order = np.lexsort(kpoints[:, plane[::-1]].round(9).T)
    image = values[order].reshape(len(spread[plane[0]]), len(spread[plane[1]]))
    limit = float(np.abs(image).max()) or 1.0
    figure = Figure(figsize=(_COLUMN, 0.8 * _COLUMN), layout="constrained", dpi=300)
    axes = figure.add_subplot()
    shown = axes.imshow(
        image.T, origin="lower", extent=(0, 1, 0, 1), cmap="RdBu_r", aspect="equal",
        norm=SymLogNorm(_LINEAR * limit, vmin=-limit, vmax=limit),
    )  # fmt: skip
    names = [rf"$k_{a + 1}$" for a in plane]
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    figure.colorbar(shown, ax=axes, label=label or f"{quantity} {component}   [Å²]")
    return _saved(figure, file)


def _matplotlib():
    try:
        from matplotlib.colors import SymLogNorm
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"pictures need matplotlib: {how_to_install('plot')}") from error
    return Figure, SymLogNorm


def _saved(figure, file):
    if file is not None:
        figure.savefig(file)
    return figure
