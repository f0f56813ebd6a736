"""Two results beside each other, against their error bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

from ..errors import InputError
from .groups import LEVELS, TEMPERATURES, check_components, groups, of_conditions, select, sums
from .noise import scatter_at
from .opening import extrapolated, level_of

_SAME = 1e-6
FEW = 2.0
"""Differences of up to so many error bars are no disagreement."""


@dataclass(frozen=True)
class Row:
    """A number in two results.

    Attributes
    ----------
    symbol, component, place, unit : str
    first, second : float
    error : float
        Of the difference: both error bars together; NaN where none is known.
    largest : float
        Largest difference on the levels that both have.
    """

    symbol: str
    component: str
    place: str
    unit: str
    first: float
    second: float
    error: float
    largest: float

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second - self.first

    @property
    def verdict(self) -> str:
        """The difference against the error bars."""
        scale = max(abs(self.first), abs(self.second))
        if abs(self.difference) <= 1e-9 * scale or scale == 0:
            return "equal"
        relative = f"{100 * abs(self.difference) / scale:.2g} %"
        if not np.isfinite(self.error) or self.error == 0:
            return f"{relative}, no error bar known"
        bars = abs(self.difference) / self.error
        return f"{relative}, {bars:.2g} error bars: {'agree' if bars <= FEW else 'DIFFER'}"


def compare(first: xarray.Dataset, second: xarray.Dataset, components: list[str] | None = None) -> list[Row]:
    """Numbers that two results have in common, at the Fermi level and at each temperature of both.

    Error bars are those of a series of meshes or of adaptive refinement, or else the scatter of the contributions of k points.

    Parameters
    ----------
    first, second : xarray.Dataset
        Of runs or of series of meshes, whose extrapolated values count.
    components : list of str, optional
        Such as "xyz"; by default the one that stands for each tensor.

    Raises
    ------
    InputError
        Nothing in common: quantities, units, levels or temperatures.
    """
    first, second = extrapolated(sums(first)), extrapolated(sums(second))
    check_components(first, components)
    names = [name for group in groups(first) for name in group.names if name in second]
    if not names:
        raise InputError("results", "quantities in common", f"{', '.join(_named(first))} and {', '.join(_named(second))}")
    for name in names:
        units = [part[name].attrs["units"] for part in (first, second)]
        if units[0] != units[1]:
            raise InputError(name, "the same unit in both (wb-conserved convert)", " and ".join(units))
    level = _common_level(first, second)
    rows = []
    for group in groups(first[names]):
        for name in group.names:
            for component in group.components(components):
                rows += _rows(first, second, name, component, level)
    return rows


def format_rows(rows: list[Row], titles: tuple[str, str]) -> str:
    """Table of a comparison."""
    width = max(len(f"{row.symbol} {row.component}") for row in rows)
    place = max(len(row.place) for row in rows)
    lines = [f"A  {titles[0]}", f"B  {titles[1]}"]
    for unit in dict.fromkeys(row.unit for row in rows):
        lines += ["", f"values in {unit}"]
        lines.append(f"{'':{width + place + 2}}{'A':>12}{'B':>12}{'B − A':>12}{'± of it':>10}{'largest':>12}")
        for row in (row for row in rows if row.unit == unit):
            error = f"{row.error:.2g}" if np.isfinite(row.error) else "—"
            largest = f"{row.largest:.3g}" if np.isfinite(row.largest) else "—"
            lines.append(
                f"{row.symbol + ' ' + row.component:<{width}}  {row.place:<{place}}{row.first:>12.5g}{row.second:>12.5g}"
                f"{row.difference:>12.3g}{error:>10}{largest:>12}  {row.verdict}"
            )
    return "\n".join([*lines, "", "largest: of |B − A| on all Fermi levels that both have"])


def _named(dataset):
    return [str(name) for name, variable in dataset.data_vars.items() if "error_of" not in variable.attrs]


def _common_level(first, second):
    """Fermi level at which the two are compared; None where neither has levels."""
    if LEVELS not in first.dims or LEVELS not in second.dims:
        return None
    for level in filter(lambda value: value is not None, (level_of(first), level_of(second))):
        if all(np.abs(part[LEVELS].values - level).min() < _SAME for part in (first, second)):
            return level
    common = _common(first[LEVELS].values, second[LEVELS].values)
    if not len(common):
        raise InputError("results", "a Fermi level in common", "none")
    return float(common[len(common) // 2])


def _common(first, second):
    return first[np.abs(first[:, None] - second[None, :]).min(axis=1) < _SAME]


def _rows(first, second, name, component, level):
    parts = []
    for dataset in (first, second):
        here = dataset[[key for key in (name, f"{name}_error") if key in dataset]]
        parts.append({text: at_one for text, at_one in of_conditions(here)})
    common = [text for text in parts[0] if text in parts[1]] or [None]
    if common == [None]:
        if len(parts[0]) > 1 or len(parts[1]) > 1:
            raise InputError("results", "a temperature in common", f"{list(parts[0])} and {list(parts[1])}")
        pairs = [("", *(next(iter(part.values())) for part in parts))]
    else:
        pairs = [(text, parts[0][text], parts[1][text]) for text in common]
    for text, one, other in pairs:
        values = [select(part[name], component) for part in (one, other)]
        at = [value.sel({LEVELS: level}, method="nearest") if LEVELS in value.dims else value for value in values]
        errors = [
            _error(part, whole[name], component, {LEVELS: level, TEMPERATURES: _temperature(part)})
            for part, whole in ((one, first), (other, second))
        ]
        place = ", ".join(filter(None, [f"E_F = {level:g} eV" if LEVELS in values[0].dims else "", text]))
        unit, symbol = one[name].attrs["units"], one[name].attrs["symbol"]
        yield Row(symbol, component, place, unit, *(float(value) for value in at), _together(errors), _largest(*values))


def _temperature(part):
    return float(part[TEMPERATURES]) if TEMPERATURES in part.coords else None


def _error(part, variable, component, at):
    """Error bar of a number, NaN where none is known."""
    name = f"{variable.name}_error"
    if name in part:
        error = select(part[name].assign_attrs(axes=variable.attrs["axes"]), component)
        return float(error.sel({LEVELS: at[LEVELS]}, method="nearest") if LEVELS in error.dims else error)
    return scatter_at(variable, component, at)


def _together(errors):
    known = [error for error in errors if np.isfinite(error)]
    return float(np.sqrt(np.sum(np.square(known)))) if known else float("nan")


def _largest(first, second):
    """Largest difference on common levels; NaN without an axis of levels."""
    if LEVELS not in first.dims or LEVELS not in second.dims:
        return float("nan")
    common = _common(first[LEVELS].values, second[LEVELS].values)
    parts = [part.sel({LEVELS: common}, method="nearest").values for part in (first, second)]
    return float(np.abs(parts[1] - parts[0]).max())
