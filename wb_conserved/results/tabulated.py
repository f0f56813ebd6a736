"""Tabulated results as variables of a data set: a value for each band at each k point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray
from wannierberri.result import TABresult

from .groups import describe_axes

K, BAND, REDUCED = "k", "band", "reciprocal_vector"
_AXES = (K, BAND, REDUCED, *"abils", "kpoint", "distance")
_KNOWN = {"Energy": ("band energy", "eV")}
"""Meaning and unit of tabulators of WannierBerri, which state none."""


def is_tabulated(result: Any) -> bool:
    """Whether a result is of ``TabulatorAll``."""
    return isinstance(result, TABresult)


def tabulated(results: Mapping[str, TABresult], calculators: Mapping[str, Any], path=None, taken=()) -> xarray.Dataset:
    """Variables (k, band, components) of tabulated results, by the names of the tabulators.

    Parameters
    ----------
    results : mapping of str to TABresult
        Those of several calculators have the name of theirs in front.
    calculators : mapping of str to TabulatorAll
    path : wannierberri.Path, optional
        On which the k points are: with distances and labels.
    taken : collection of str
        Names of other variables; a tabulator of such a name, or of that of an axis, has the name of its calculator in front.

    Returns
    -------
    xarray.Dataset
        With the coordinates ``kpoint`` (k, 3), reduced, and ``band``, counted from 0; on a path ``distance``, 1/Å.
    """
    dataset = xarray.Dataset()
    for name, result in results.items():
        mark = "" if len(results) == 1 else f"_{name}"
        k, band = f"{K}{mark}", f"{BAND}{mark}"
        reduced = ((k, REDUCED), result.kpoints, {"units": "1", "long_name": "k point, in reciprocal lattice vectors"})
        dataset = dataset.assign_coords({f"kpoint{mark}": reduced})
        if path is not None:
            dataset = dataset.assign_coords({f"distance{mark}": (k, path.getKline(), _along(path))})
        for quantity, found in result.results.items():
            tabulator = calculators[name].tabulators[quantity]
            own = getattr(tabulator, "cartesian_axes", None)
            axes = own if own is not None else {f"a{i + 1}": "component" for i in range(found.data.ndim - 2)}
            ibands = tabulator.ibands if tabulator.ibands is not None else range(found.data.shape[1])
            dataset = dataset.assign_coords({band: np.asarray(ibands), **{axis: list("xyz") for axis in axes}})
            attributes = _attributes(quantity, tabulator, axes)
            alone = not mark and quantity not in {*taken, *_AXES}
            dataset[quantity if alone else f"{name}_{quantity}"] = ((k, band, *axes), found.data, attributes)
    return dataset


def _along(path):
    """What the distance along a path is, with the labels of its points."""
    labels = ", ".join(f"{place} {label}" for place, label in sorted(path.labels.items()))
    return {"units": "1/Å", "long_name": "distance along the path", "labels": labels}


def _attributes(quantity, tabulator, axes):
    attributes = {"tabulated": 1, "axes": describe_axes(axes)}
    if hasattr(tabulator, "symbol"):
        unit = tabulator.unit.replace("[s]", tabulator.operator.unit).strip()
        return attributes | {
            "long_name": f"{tabulator.long_name} of {tabulator.operator.name}",
            "symbol": tabulator.symbol,
            "units": unit or "1",
            "multiplet_threshold_eV": float(tabulator.degen_thresh),
            "kramers_pairs": int(bool(tabulator.degen_Kramers)),
            "external_terms": int(tabulator.external_terms),
        }
    long_name, unit = _KNOWN.get(quantity, (f"{type(tabulator).__name__} of WannierBerri", "not stated"))
    return attributes | {"long_name": long_name, "symbol": quantity, "units": unit}
