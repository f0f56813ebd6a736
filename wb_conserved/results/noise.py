"""Numbers that a few k points carry, found by the scatter of the contributions of k points.

The limit separates data with known answers (component xyz, kBT 0.025 eV, threshold 0.01 eV): the scatter is 0.03 to 0.06 of
every sum for platinum on 24³, and 0.05 of σ_K and σ_conv on 16³, where σ_B (0.23) is wrong by half; 0.4 to 1.2 of σ_B for
tellurium on 16×16×12 and 24×24×18, for iron on 12³ and 24³, and for platinum with split pairs on 6³.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray

from .groups import LEVELS, cartesian_axes, groups, select

NOISY = 0.2
"""Scatter of the contributions of k points in units of their sum, above which a number is not to be trusted."""
_SCATTER, _EFFECTIVE, _NUMBER, _PLACE = "scatter_of_k_points", "effective_k_points", "k_points", "scatter_place"
_COMPANION, _COUNTED = "companion", "counted"
ATTRIBUTES = (_SCATTER, _EFFECTIVE, _NUMBER, _PLACE)
"""Attributes of a variable about the scatter, which go with its units and axes."""
_NAMED = 4
_SAME = 1e-9
_ROUNDING = 1e-8  # of any unit that there is
_OF_SHEETS = {"S": 2.4e-4, "A/K": 2.1e-8}
"""e²/ħ and k_B e/ħ, which results of sheets are of the order of, by the last word of the unit."""


def describe_scatter(scatter) -> dict[str, Any]:
    """Attributes of a variable for a `wb_conserved.calculators.scatter.Scatter`, which `format_noise` reads."""
    return {
        _SCATTER: scatter.scatter.ravel(),
        _EFFECTIVE: scatter.effective,
        _NUMBER: scatter.number,
        _PLACE: list(scatter.place),
    }


def format_noise(dataset: xarray.Dataset, components: list[str] | None = None) -> str:
    """One line that names the numbers which a few k points carry; empty where there are none.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `wb_conserved.results.dataset.RunResult.to_dataset`.
    components : list of str, optional
        Components that are looked at, such as "xyz"; those that stand for the tensors by default.
    """
    found, levels, companions = {}, set(), set()
    for group in groups(dataset):
        for name in group.names:
            variable = dataset[name]
            if _SCATTER not in variable.attrs:
                continue
            place = dict(zip(group.scan, np.ravel(variable.attrs[_PLACE]).astype(int).tolist(), strict=True))
            here = variable.isel(place)
            scatter = here.copy(data=np.reshape(variable.attrs[_SCATTER], here.shape))
            smallest = _ROUNDING * _OF_SHEETS.get(group.unit.rpartition(" ")[2], 1.0)
            ratio, text = _noisiest(here, scatter, group.components(components), smallest)
            if ratio > NOISY:
                found[f"{variable.attrs['symbol']} {text}{_counted(variable.attrs)}"] = ratio
                companions |= {variable.attrs.get(_COMPANION, "")}
                levels |= {float(here[LEVELS])} if variable.sizes.get(LEVELS, 1) > 1 else set()
    if not found:
        return ""
    where = f" (E_F = {', '.join(f'{level:g}' for level in sorted(levels))} eV)" if levels else ""
    themselves = {text.partition(" ")[0] for text in found}
    better = " or ".join(sorted(symbol for symbol in companions - themselves if symbol))
    named = sorted(found, key=found.__getitem__, reverse=True)
    others = f"; {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return (
        f"few k points carry{where}: {'; '.join(named[:_NAMED])}{others}. Another mesh gives another number: vary mesh, "
        "multiplet threshold and kBT (wb-conserved convergence, [multiplets] compare)"
        + (f", or take {better}, in which occupied pairs cancel" if better else "")
    )


def format_counts(dataset: xarray.Dataset, names: list[str]) -> str:
    """One line that says how many k points carry the sums with which that is to be printed; empty where there are none."""
    counts = [
        f"{variable.attrs['symbol']} {variable.attrs[_EFFECTIVE]:.0f} of {variable.attrs[_NUMBER]}"
        for variable in (dataset[name] for name in names)
        if variable.attrs.get(_COUNTED) and _SCATTER in variable.attrs
    ]
    return f"k points that carry the sum: {', '.join(counts)}" if counts else ""


def scatter_at(variable: xarray.DataArray, component: str, at: Mapping[str, float | None]) -> float:
    """Scatter of a component of a variable at a place of its scan, in its unit; NaN where none was found there.

    Parameters
    ----------
    variable : xarray.DataArray
        With all axes of its scan.
    component : str
    at : mapping of str to float
        Value along each axis of the scan.
    """
    axes = cartesian_axes(variable)
    scan = [dim for dim in variable.dims if dim not in axes]
    if _SCATTER not in variable.attrs or len(np.ravel(variable.attrs[_PLACE])) != len(scan):
        return float("nan")
    place = dict(zip(scan, np.ravel(variable.attrs[_PLACE]).astype(int).tolist(), strict=True))
    if any(abs(float(variable[dim][index]) - at[dim]) > _SAME for dim, index in place.items()):
        return float("nan")
    here = variable.isel(place)
    return float(select(here.copy(data=np.reshape(variable.attrs[_SCATTER], here.shape)), component))


def _noisiest(values, scatter, components, smallest):
    """The component whose scatter is the largest part of its value: that part, and a text; 0 where all vanish."""
    largest = float(np.abs(values).max())
    ratios = {}
    for component in components:
        value, deviation = (float(select(part, component)) for part in (values, scatter))
        if abs(value) > max(smallest, 1e-9 * largest):  # others vanish, by symmetry or as all bands are filled
            ratios[component] = (deviation / abs(value), value)
    if not ratios:
        return 0.0, ""
    component, (ratio, value) = max(ratios.items(), key=lambda item: item[1][0])
    return ratio, f"{component} = {value:.4g} (scatter {100 * ratio:.0f} %, ".removeprefix(" ")


def _counted(attributes):
    """How many k points carry a sum."""
    return f"{attributes[_EFFECTIVE]:.0f} of {attributes[_NUMBER]} k points count)"
