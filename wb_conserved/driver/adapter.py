"""Calculators of WannierBerri for the driver: one adapter.

WannierBerri's calculators return result objects.  What these hold, how it is merged and how the object is made again, a table
says for each kind of result.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.grid import Path
from wannierberri.result import EnergyResult, KBandResult, TABresult

from ..calculators.contract import JOIN, SUM, Accumulating, Merge


@dataclass(frozen=True)
class _Kind:
    """A kind of result.

    Attributes
    ----------
    merge : Merge
        Of all its arrays.
    arrays : callable
        The arrays of a result by name.
    filled : callable
        From a copy of a result and arrays, the result with these.
    arranged : callable
        From a result and a grid or path, the result in its order.
    """

    merge: Merge
    arrays: Callable[[Any], dict[str, np.ndarray]]
    filled: Callable[[Any, Mapping[str, np.ndarray]], Any]
    arranged: Callable[[Any, Any], Any] = lambda result, grid: result


def _filled_energies(result, values):
    result.__dict__.pop("dataSmooth", None)  # of the other data
    result.data = values["data"]
    return result


def _filled_bands(result, values):
    result.data_list = [values["rows"]]
    return result


def _filled_table(result, values):
    result.kpoints = values["k points"]
    tables = {part: copy.copy(table) for part, table in result.results.items()}
    result.results = {part: _filled_bands(table, {"rows": values[f"of {part}"]}) for part, table in tables.items()}
    return result


def _arranged_table(result, grid):
    if isinstance(grid, Path):
        result.self_to_path(path=grid)
    else:
        result.self_to_grid()
    return result


_KINDS = {
    EnergyResult: _Kind(SUM, lambda result: {"data": result.data}, _filled_energies),
    KBandResult: _Kind(JOIN, lambda result: {"rows": result.data}, _filled_bands),
    TABresult: _Kind(
        JOIN,
        lambda result: {"k points": result.kpoints} | {f"of {part}": table.data for part, table in result.results.items()},
        _filled_table,
        _arranged_table,
    ),
}


class Foreign(Accumulating):
    """A calculator that takes a ``Data_K`` and returns a result object.

    Parameters
    ----------
    name : str
    calculator : wannierberri.calculators.Calculator
    states : BlochStates
        Some k points, from which it learns what the results look like.

    Raises
    ------
    TypeError
        A result of another kind.
    """

    def __init__(self, name, calculator, states):
        self._name, self._calculator = name, calculator
        self._template = calculator(states.data_K)
        kinds = [_KINDS[kind] for kind in type(self._template).__mro__ if kind in _KINDS]
        if not kinds:
            raise TypeError(
                f"calculators[{name!r}]: expected a calculator that returns one of "
                f"{', '.join(kind.__name__ for kind in _KINDS)}, found {type(self._template).__name__}"
            )
        self._kind = kinds[0]
        self.merges = dict.fromkeys(self._kind.arrays(self._template), self._kind.merge)

    def accumulate(self, states, weight=1.0, out=None):
        """Arrays of the result object, merged."""
        result = self._calculator(states.data_K)
        if self._kind.merge.adds:
            result = result * (weight * len(states.kpoints))  # it is a mean over the k points
        values = self._kind.arrays(result)
        for array in values.values():
            if not np.isfinite(array).all():
                raise FloatingPointError(f"calculators[{self._name!r}]: NaN or infinity")
        return values if out is None else {part: self.merges[part](out[part], array) for part, array in values.items()}

    def finalize(self, values, system):
        """A result object with these arrays."""
        return self._kind.filled(copy.copy(self._template), values)

    def arrange(self, result, grid):
        """The result in the order of the grid or path."""
        return self._kind.arranged(result, grid)


def accumulating(name, calculator, states) -> Accumulating:
    """The calculator itself, or an adapter of one that returns result objects."""
    return calculator if hasattr(calculator, "accumulate") else Foreign(name, calculator, states)
