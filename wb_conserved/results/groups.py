"""Variables of a data set that belong together: the same axes with the same meaning, and the same unit.

A variable says in its attributes what its Cartesian axes are (``axes``) and which component stands for it (``shown``);
its other dimensions are those of the scan.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray

LEVELS, TEMPERATURES, MU, CONCENTRATIONS = "Efermi", "kBT", "mu", "concentration"
FREQUENCIES, PART, PARTS = "omega", "part", ("real", "imaginary")
_VANISHES = 1e-9  # of the largest component
_SMALL, _ALIKE, _ROUNDING = 1e-2, 0.1, 1e-6
"""Of the largest component, below which one is left out of pictures; of itself, by which one that is the same may differ; of
the largest quantity."""
_NOTHING = 1e-18  # in any unit, that of a sheet in S included, where e²/ħ is 2e-4


@dataclass(frozen=True)
class Group:
    """Variables that belong together.

    Attributes
    ----------
    names : tuple of str
    scan : tuple of str
        Dimensions of the scan: "Efermi", "kBT", "concentration", some or none of them; of what is complex besides "omega" and
        "part".
    axes : mapping of str to str
        Name and meaning of the Cartesian axes.
    unit, remark : str
    shown : str
        Component that stands for the tensors: that of the quantities, or the largest one where symmetry forbids that.
    family : str
        What the quantities are parts of; empty: of nothing.
    """

    names: tuple[str, ...]
    scan: tuple[str, ...]
    axes: Mapping[str, str]
    unit: str
    shown: str
    remark: str
    family: str = ""

    def components(self, wanted: list[str] | None) -> list[str]:
        """Those of some components that the group has; the one that stands for it where there is none."""
        fitting = [component for component in wanted or [] if len(component) == len(self.axes)]
        return fitting or [self.shown]

    def legend(self) -> str:
        """What the letters of a component mean."""
        if not self.axes:
            return ""
        meaning = ", ".join(f"{axis} {text}" for axis, text in self.axes.items())
        return f"components {''.join(self.axes)}: {meaning}" + (f"; {self.remark}" if self.remark else "")


def groups(dataset: xarray.Dataset) -> list[Group]:
    """Groups of the variables of a data set, in their order."""
    found: dict[tuple, list[str]] = {}
    for name in quantities(dataset):
        variable = dataset[name]
        axes = cartesian_axes(variable)
        scan = tuple(dim for dim in variable.dims if dim not in axes)
        attributes = variable.attrs
        of_kind = tuple(attributes.get(key, "") for key in ("shown", "remark", "family"))
        found.setdefault((scan, tuple(axes.items()), attributes["units"], *of_kind), []).append(name)
    return [
        Group(tuple(names), scan, dict(axes), unit, _standing(dataset[names], dict(axes), shown), remark, family)
        for (scan, axes, unit, shown, remark, family), names in found.items()
    ]


def _standing(part, axes, shown):
    """A component, or the largest one of the variables where it vanishes in comparison."""
    if not axes:
        return shown
    others = [[dim for dim in variable.dims if dim not in axes] for variable in part.data_vars.values()]
    sizes = sum(abs(variable).max(dims) for variable, dims in zip(part.data_vars.values(), others, strict=True))
    sizes = sizes.transpose(*axes)
    places = dict(zip(axes, shown, strict=True))
    if float(sizes.sel(places)) > _VANISHES * float(sizes.max()) or not float(sizes.max()) > 0:
        return shown
    return "".join("xyz"[place] for place in np.unravel_index(int(np.nanargmax(sizes.values)), sizes.shape))


def distinct(dataset: xarray.Dataset, alike: list[Group], most: int = 3) -> list[str]:
    """Components of the quantities of some groups of equal axes that differ by more than a sign, the one that stands for the
    first of them first.

    Those are left out that are small in every quantity, and quantities that are rounding errors do not count.
    """
    axes, shown = alike[0].axes, alike[0].shown
    if not axes:
        return [shown]
    components = ["".join(letters) for letters in itertools.product("xyz", repeat=len(axes))]
    tables = [
        np.nan_to_num(dataset[name].transpose(*axes, ...).values).reshape(len(components), -1)
        for group in alike
        for name in group.names
    ]
    sizes = [np.abs(table).max() for table in tables]
    kept = [table / size for table, size in zip(tables, sizes, strict=True) if size > _ROUNDING * max(sizes)]
    rows = dict(zip(components, np.concatenate(kept or tables, axis=1), strict=True))
    size = {component: np.abs(row).max() for component, row in rows.items()}
    found = [shown]
    for component in sorted(components, key=lambda component: -size[component]):
        distances = [np.abs(rows[component] - sign * rows[other]).max() for sign in (1, -1) for other in found]
        if size[component] > _SMALL and min(distances) > _ALIKE * size[component]:
            found.append(component)
    return found[:most]


def quantities(dataset: xarray.Dataset) -> list[str]:
    """Names of the variables that are sums over bands, without those that are the error of another."""
    apart = ("error_of", "tabulated")
    return [str(name) for name, variable in dataset.data_vars.items() if not any(mark in variable.attrs for mark in apart)]


def sums(dataset: xarray.Dataset) -> xarray.Dataset:
    """The variables that are sums over bands, with their errors."""
    tabulated = [name for name, variable in dataset.data_vars.items() if "tabulated" in variable.attrs]
    if not tabulated:
        return dataset
    kept = dataset.drop_vars(tabulated)
    return kept.drop_vars([name for name in kept.coords if not set(kept[name].dims) & _dims_of(kept)])


def _dims_of(dataset):
    return {dim for variable in dataset.data_vars.values() for dim in variable.dims}


def describe_axes(axes: Mapping[str, str]) -> str:
    """Meanings of axes as the text of an attribute, which `cartesian_axes` reads."""
    return "; ".join(f"{axis}: {meaning}" for axis, meaning in axes.items())


def cartesian_axes(variable: xarray.DataArray) -> dict[str, str]:
    """Name and meaning of the Cartesian axes of a variable."""
    text = variable.attrs.get("axes", "")
    return dict(part.split(": ", 1) for part in text.split("; ")) if text else {}


def check_components(dataset: xarray.Dataset, components: list[str] | None) -> None:
    """Refuse a component, such as "xyz", that no variable has.

    Raises
    ------
    ValueError
        With the axes that there are.
    """
    axes = list(dict.fromkeys("".join(cartesian_axes(dataset[name])) for name in quantities(dataset)))
    for component in components or []:
        if not component or len(component) not in map(len, axes) or set(component) - set("xyz"):
            expected = f"x, y or z for each of the axes {' or '.join(filter(None, axes))}" if any(axes) else "none"
            raise ValueError(f"components: expected {expected}; found {component!r}")


def nonzero(dataset: xarray.Dataset) -> list[str]:
    """Components, such as "xyz", in which some variable is not the rounding of its largest component."""
    found: dict[str, None] = {}
    for name in quantities(dataset):
        variable, axes = dataset[name], cartesian_axes(dataset[name])
        if not axes:
            continue
        sizes = abs(variable).max([dim for dim in variable.dims if dim not in axes]).transpose(*axes).fillna(0.0).values
        places = np.argwhere(sizes > max(_ROUNDING * sizes.max(), _NOTHING))
        found |= dict.fromkeys("".join("xyz"[i] for i in place) for place in places.tolist())
    return list(found)


def select(variable: xarray.DataArray, component: str) -> xarray.DataArray:
    """Component, such as "xyz", of a variable, one letter for each of its Cartesian axes in their order."""
    return variable.sel(dict(zip(cartesian_axes(variable), component, strict=True)))


def place_of_level(dataset: xarray.Dataset, level: float) -> int:
    """Place of a Fermi level on the scan.

    Raises
    ------
    ValueError
        It is not on it.
    """
    levels = dataset[LEVELS].values
    nearest = int(abs(levels - level).argmin())
    if abs(levels[nearest] - level) > 1e-6:
        raise ValueError(
            f"level: expected one of the Fermi levels of the scan (nearest: {levels[nearest]} eV); found {level}"
        )
    return nearest


def frequency_axis(variable: xarray.DataArray) -> str | None:
    """The dimension of frequencies of a variable; None where it has none."""
    return next((str(dim) for dim in variable.dims if str(dim).partition("_")[0] == FREQUENCIES), None)


def with_frequencies(dataset: xarray.Dataset, wanted: bool) -> xarray.Dataset:
    """The variables that have an axis of frequencies, or those that have none."""
    left_out = [name for name in dataset.data_vars if (frequency_axis(dataset[name]) is not None) != wanted]
    kept = dataset.drop_vars(left_out)
    return kept.drop_vars([name for name in kept.coords if not set(kept[name].dims) & _dims_of(kept)])


def at_level(dataset: xarray.Dataset, level: float | None) -> xarray.Dataset:
    """The data set at one Fermi level; itself where it has no axis of levels."""
    return dataset.isel({LEVELS: place_of_level(dataset, level)}) if LEVELS in dataset.dims else dataset


def of_conditions(dataset: xarray.Dataset) -> list[tuple[str, xarray.Dataset]]:
    """The data set at each of its concentrations and temperatures, with a text that says which; itself, with no text, without
    such axes."""
    parts = [dataset]
    for axis in (CONCENTRATIONS, TEMPERATURES):
        if axis in dataset.dims:
            parts = [part.isel({axis: i}) for part in parts for i in range(dataset.sizes[axis])]
    return [(_text(part), part) for part in parts]


def _text(at_one):
    """Text for the conditions of a data set at one of each, and for the level that holds the electrons."""
    pairs = ([*heading.split("/"), value] for heading, value in condition_columns(at_one).items())
    return ", ".join(f"{symbol} = {value} {unit}" for symbol, unit, value in pairs)


def condition_columns(at_one: xarray.Dataset) -> dict[str, str]:
    """Concentration and temperature of a data set at one of each, and the level that holds the electrons where there is just
    one, by headings; those that the run had several of, or a list of."""
    columns = {}
    if CONCENTRATIONS in at_one.coords and not at_one[CONCENTRATIONS].dims:
        columns["c/%"] = f"{100 * float(at_one[CONCENTRATIONS]):.5g}"
    if TEMPERATURES in at_one.coords and not at_one[TEMPERATURES].dims:
        columns |= {"T/K": f"{float(at_one['kelvin']):.5g}", "kBT/eV": f"{float(at_one[TEMPERATURES]):.5g}"}
    if MU in at_one.coords and not at_one[MU].dims:
        columns["μ/eV"] = f"{float(at_one[MU]):.6g}"
    return columns
