"""Band structures coloured by a tabulated quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from wannierberri.result import TABresult

from ..errors import how_to_install


def plot_bands(
    table: TABresult,
    path,
    quantity: str,
    component: str = "",
    *,
    file: str | Path | None = None,
    fermi_level: float = 0.0,
    window: tuple[float, float] | None = None,
    limit: float | None = None,
    title: str = "",
    unit: str = "",
    size: tuple[float, float] = (6.4, 4.4),
    linear: bool = False,
    energy_label: str = r"$E - E_\mathrm{F}$   [eV]",
):
    """Bands along a path, coloured by one component of a tabulated quantity, on a scale symmetric around 0.

    Large values are compressed: the scale is linear up to 2 % of the limit and logarithmic beyond, since dipoles and
    curvatures peak at near crossings.

    Parameters
    ----------
    table : wannierberri.result.TABresult
        Result of a ``TabulatorAll`` on the path.
    path : wannierberri.Path
    quantity : str
        Name of the tabulator.
    component : str
        Cartesian component, such as "xz"; empty for a scalar.
    file : str or Path, optional
        Where to save the picture.
    fermi_level : float
        eV, zero of the energy axis.
    window : two floats, optional
        Energies shown, eV relative to the Fermi level; all by default.
    limit : float, optional
        Largest value of the scale; the 99th percentile of what is shown by default.
    title, unit : str
    size : two floats
        Of the figure, inches.
    linear : bool
        Colours on a linear scale.
    energy_label : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        An unknown quantity, or a component that it does not have.
    ImportError
        matplotlib is not installed.
    """
    try:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize, SymLogNorm
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"plot_bands needs matplotlib: {how_to_install('plot')}") from error

    if quantity not in table.results:
        raise ValueError(f"quantity: expected one of {sorted(table.results)}, found {quantity!r}")
    values = table.results[quantity].data
    if len(component) != values.ndim - 2 or set(component) - set("xyz"):
        raise ValueError(f"component: expected {values.ndim - 2} of x, y and z for {quantity}, found {component!r}")
    values = values[(..., *("xyz".index(axis) for axis in component))]
    energies = table.results["Energy"].data - fermi_level
    k = path.getKline()

    low, high = window if window is not None else (energies.min() - 0.5, energies.max() + 0.5)
    shown = np.abs(values[(energies >= low) & (energies <= high)])
    if limit is None:
        limit = float(np.percentile(shown, 99)) if shown.size and shown.max() > 0 else 1.0

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    points = np.stack([np.broadcast_to(k[:, None], energies.shape), energies], axis=-1)  # k n xy
    segments = np.stack([points[:-1], points[1:]], axis=2)  # k n end xy
    joined = np.diff(k) > 1e-12  # a path may jump
    lines = LineCollection(
        segments[joined].reshape(-1, 2, 2),
        array=(0.5 * (values[:-1] + values[1:]))[joined].ravel(),
        cmap="RdBu_r",
        norm=Normalize(-limit, limit) if linear else SymLogNorm(0.02 * limit, vmin=-limit, vmax=limit),
        linewidths=2.0 if size[0] > 5 else 1.2,
        capstyle="round",
    )
    for part in np.split(np.arange(len(k)), np.flatnonzero(~joined) + 1):
        # grey below the colours: white stretches of a band stay visible
        axes.plot(k[part], energies[part], color="0.75", linewidth=3.0 if size[0] > 5 else 1.8, zorder=0)
    axes.add_collection(lines)
    axes.axhline(0.0, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlim=(k[0], k[-1]), ylim=(low, high), ylabel=energy_label, title=title)
    ticks: dict[float, str] = {}
    for i, text in dict(path.labels).items():  # the two ends of a jump are at one place
        place = next((x for x in ticks if abs(x - k[i]) < 1e-12), k[i])
        ticks[place] = "|".join(filter(None, [ticks.get(place), text]))
    axes.set_xticks(list(ticks), list(ticks.values()))
    for place in ticks:
        axes.axvline(place, color="black", linewidth=0.8)
    label = " ".join(part for part in (quantity, component, f"[{unit}]" if unit else "") if part)
    figure.colorbar(lines, ax=axes, label=label, extend="neither" if linear else "both")
    if file is not None:
        figure.savefig(file, dpi=200 if size[0] > 5 else 300)
    return figure
