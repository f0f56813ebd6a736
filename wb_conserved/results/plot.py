"""Pictures of a run, as wide as a column of a journal: all quantities against the Fermi level, the temperature, the
concentration of impurities, the frequency, and the strength of the spin-orbit coupling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from .groups import (
    CONCENTRATIONS,
    LEVELS,
    MU,
    TEMPERATURES,
    at_level,
    check_components,
    distinct,
    frequency_axis,
    groups,
)
from .panels import Axis, Panel, plot_panels
from .table import conditions

_LEVELS_SHOWN = 3  # of a scan of few levels, against the concentration


def plot_scan(dataset: xarray.Dataset, path: Path, level: float, components: list[str] | None, title: str = "") -> None:
    """Write a PNG of all quantities against the Fermi level, one panel for each group and component.

    Of several temperatures, the lower ones are paler; of several concentrations of impurities, the first is shown.  What
    belongs to a family is left to `plot_parts`, where there is anything else.

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
    check_components(dataset, components)
    every = _pictured(_at_first_concentration(dataset))
    others = [group for group in every if not group.family] or every
    panels = [(group, component) for group in others for component in group.components(components)]
    _plot_levels(dataset, path, level, panels, title)


def plot_parts(dataset: xarray.Dataset, path: Path, level: float, components: list[str] | None, title: str = "") -> None:
    """Write a PNG of the families of a data set, a current with all its parts, against the Fermi level; see `plot_scan`.

    Without `components`, those are shown that differ by more than a sign, three at most, the same of all families.
    """
    check_components(dataset, components)
    first = _at_first_concentration(dataset)
    families = [group for group in _pictured(first) if group.family]
    panels = []
    for group in families:
        alike = [other for other in families if other.axes == group.axes]
        own = group.components(components) if components else distinct(first, alike)
        panels += [(group, component) for component in own]
    _plot_levels(dataset, path, level, panels, title)


def _pictured(dataset):
    """Groups of the quantities that are for pictures too."""
    return groups(dataset.drop_vars([name for name in dataset.data_vars if not dataset[name].attrs.get("pictured", 1)]))


def _plot_levels(dataset, path, level, panels, title):
    texts = [*conditions(dataset), f"E_F = {level:g} eV", *_shown(dataset), *_temperatures(dataset)]
    dataset = _at_first_concentration(dataset).sortby([dim for dim in (LEVELS, TEMPERATURES) if dim in dataset.dims])
    axis = Axis(LEVELS, dataset[LEVELS].values - level, r"$E - E_{\mathrm{F}}$   [eV]")
    plot_panels([Panel(dataset, *panel) for panel in panels], path, axis, [title, texts])


def _shown(dataset):
    """Which of several concentrations is shown."""
    return [f"shown at {100 * float(dataset[CONCENTRATIONS][0]):g} %"] if CONCENTRATIONS in dataset.dims else []


def _temperatures(dataset):
    """Those of an axis, of several the lower ones paler."""
    if TEMPERATURES not in dataset.dims:
        return []
    several = " (pale to full)" if dataset.sizes[TEMPERATURES] > 1 else ""
    kelvin = ", ".join(f"{value:.4g}" for value in np.sort(dataset["kelvin"].values))
    return [f"T = {kelvin} K{several}"]


def _at_first_concentration(dataset):
    return dataset.isel({CONCENTRATIONS: 0}, drop=True) if CONCENTRATIONS in dataset.dims else dataset


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
    check_components(dataset, components)
    texts = [*conditions(dataset), *([f"E_F = {level:g} eV"] if LEVELS in dataset.dims else []), *_shown(dataset)]
    here = _at_first_concentration(at_level(dataset, level)).sortby(TEMPERATURES)
    panels = [Panel(here, group, component) for group in _pictured(here) for component in group.components(components)]
    axis = Axis(TEMPERATURES, here["kelvin"].values, r"$T$   [K]")
    plot_panels(panels, path, axis, [title, texts], here if MU in here.coords else None)


def plot_concentrations(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of what depends on the concentration of impurities against it, on axes of logarithms, with open markers for
    negative values; see `plot_scan`.

    At one Fermi level, of families also at each of a scan of up to three, or at the level that holds the electrons.
    """
    check_components(dataset, components)
    texts = [*conditions(dataset), *_temperatures(dataset)]
    dataset = dataset.sortby([CONCENTRATIONS, *([TEMPERATURES] if TEMPERATURES in dataset.dims else [])])
    axis = Axis(CONCENTRATIONS, 100 * dataset[CONCENTRATIONS].values, r"$c$   [% of cells]", logarithms=True)
    levels = [level]
    if LEVELS in dataset.dims:
        texts = [*texts, f"E_F = {level:g} eV"]
        levels = np.sort(dataset[LEVELS].values).tolist() if dataset.sizes[LEVELS] <= _LEVELS_SHOWN else levels
    panels = []
    for group in (group for group in _pictured(dataset) if CONCENTRATIONS in group.scan):
        for component in group.components(components):
            for own in levels if group.family else [level]:
                note = f"E = {own:g} eV" if group.family and len(levels) > 1 else ""
                panels.append(Panel(at_level(dataset, own), group, component, note))
    plot_panels(panels, path, axis, [title, [*texts, "open markers: negative"]])


def plot_spectrum(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the frequency, real parts full and imaginary ones pale, at one Fermi level, or at
    that which holds the electrons, and at the lowest temperature; see `plot_scan`.

    Parameters
    ----------
    level : float or None
        On the scan, eV; not used where a number of electrons sets it.

    Raises
    ------
    ValueError
        Components that do not exist, or different frequencies.
    """
    axes = {frequency_axis(variable) for variable in dataset.data_vars.values()}
    if len(axes) > 1:
        raise ValueError(f"frequencies: expected the same for all quantities in one picture; found {', '.join(sorted(axes))}")
    texts, here = _one_level(dataset, level)
    if TEMPERATURES in here.dims:
        here = here.isel({TEMPERATURES: int(here[TEMPERATURES].values.argmin())})
        texts = [*texts, f"T = {float(here['kelvin']):.4g} K"]
    (along,) = axes
    axis = Axis(along, here[along].values, r"$\hbar\omega$   [eV]")
    _plot_groups(here, path, axis, components, [title, [*texts, "imaginary parts pale"]])


def plot_strengths(
    dataset: xarray.Dataset, path: Path, level: float | None, components: list[str] | None, title: str = ""
) -> None:
    """Write a PNG of all quantities against the strength of the spin-orbit coupling; see `plot_temperatures`.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.diagnostics.spin_orbit_scan`.
    """
    texts, here = _one_level(dataset, level)
    axis = Axis("spin_orbit_strength", here["spin_orbit_strength"].values, r"$\lambda$")
    _plot_groups(here, path, axis, components, [title, texts])


def _one_level(dataset, level):
    """Conditions, and the data set at one level, or at that which holds the electrons."""
    texts = [*conditions(dataset), *([f"E_F = {level:g} eV"] if LEVELS in dataset.dims else []), *_shown(dataset)]
    return texts, _at_first_concentration(at_level(dataset, level)).drop_vars(MU, errors="ignore")


def _plot_groups(dataset, path, axis, components, title):
    check_components(dataset, components)
    found = _pictured(dataset)
    plot_panels([Panel(dataset, group, part) for group in found for part in group.components(components)], path, axis, title)
