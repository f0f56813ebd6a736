"""Calculators on k points of a system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from wannierberri.data_K import get_data_k_class_from_system
from wannierberri.grid import Path
from wannierberri.result import ResultDict

from ..calculators.contract import JOIN, Merge
from ..calculators.scatter import Scatter
from ..interpolation import BlochStates, WannierInterpolator
from ..interpolation.batches import check_data_K, is_interpolated
from ..interpolation.boson_data import Data_K_bosons
from ..interpolation.eigensolvers import HERMITIAN, eigensolver_of
from .adapter import accumulating
from .mesh import Batch
from .summation import Values

CRITERIA = "criteria of refinement"
"""Name of the criteria of refinement, one row per K point."""


class Evaluation:
    """Calculators on k points of a system.

    Parameters
    ----------
    system : wannierberri.system.System
    grid : wannierberri.Grid or wannierberri.Path
    calculators : mapping of str to calculator
        Of this package or of WannierBerri.
    symmetrize : bool
        Symmetrise results with the point group of the system.
    parameters_K : dict, optional
    data_k_class : type, optional
        See `wb_conserved.run`.
    interpolator : WannierInterpolator, optional
        Of the system; made by default where it has R-space matrices.

    Attributes
    ----------
    parts : dict of str to Accumulating
        The calculators, once `prepare` has been called.
    merges : dict of str to Merge
        How each array of `chunk` is merged.
    """

    def __init__(
        self, system, grid, calculators, *, symmetrize, parameters_K=None, data_k_class=None, interpolator=None
    ):  # fmt: skip
        self.system, self.grid, self.calculators = system, grid, calculators
        self.symmetrize = symmetrize
        self.parameters_K = dict(parameters_K or {})
        self.data_k_class = data_k_class or default_data_k_class(system)
        if interpolator is None and is_interpolated(self.data_k_class):
            interpolator = WannierInterpolator(system)
        self.interpolator = interpolator
        self.parts: dict[Any, Any] = {}
        self.merges: dict[str, Merge] = {CRITERIA: JOIN}

    def prepare(self, batch: Batch) -> Values:
        """Evaluate one k point, which prepares all matrices and learns what the results look like.

        Returns
        -------
        dict of arrays
            As `chunk` returns them, for the memory they need.

        Raises
        ------
        TypeError
            A calculator whose result is of another kind than those of WannierBerri.
        """
        one = Batch(batch.Kpoint, batch.kpoints[:1], batch.weight)
        states = self.states(one)
        check_data_K(states.data_K)
        self.parts = {name: accumulating(name, part, states) for name, part in self.calculators.items()}
        for name, part in self.parts.items():
            self.merges |= {_key(name, array): merge for array, merge in part.merges.items()}
        return self.chunk([one])

    @property
    def refined(self) -> list[Any]:
        """Names of the calculators that are sums over k points, for which a mesh can be refined."""
        return [name for name, part in self.parts.items() if all(merge.adds for merge in part.merges.values())]

    def chunk(
        self,
        batches: list[Batch],
        after_batch: Callable[[], None] = lambda: None,
        *,
        criteria: bool = False,
        tables: bool = True,
    ) -> Values:
        """Arrays of some batches, merged.

        Parameters
        ----------
        batches : list of Batch
        after_batch : callable
            Called after each batch.
        criteria : bool
            The batches are those of one K point: add its criteria of refinement.
        tables : bool
            Evaluate also what is not a sum.

        Returns
        -------
        dict of arrays
            By name of the calculator and of its array.

        Raises
        ------
        Exception
            Of a calculator, with a note that tells the k points.
        """
        found = dict.fromkeys(self.parts if tables else self.refined)
        for batch in batches:
            try:
                states = self.states(batch)
                weight = batch.weight / len(batch.kpoints)
                for name, values in found.items():
                    found[name] = self.parts[name].accumulate(states, weight, values)
                states.forget()
            except Exception as error:
                error.add_note(_place(batch))
                raise
            after_batch()
        total = {_key(name, array): value for name, values in found.items() for array, value in values.items()}
        if criteria:
            total[CRITERIA] = self._criteria(total, sum(batch.weight for batch in batches))
        return total

    def finish(self, values: Values, names=None) -> dict[Any, Any]:
        """Results from merged arrays, symmetrised where the run asks for it; of all calculators, or of some."""
        results = {}
        for name in self.parts if names is None else names:
            part = self.parts[name]
            results[name] = part.finalize({array: values[_key(name, array)] for array in part.merges}, self.system)
        if self.symmetrize:
            tensors = {name: result for name, result in results.items() if hasattr(result, "transform")}
            results |= self.system.pointgroup.symmetrize(ResultDict(tensors)).results
        return results

    def scatters(self, values: Values, number: int) -> dict[Any, Scatter]:
        """How the contributions of `number` k points scatter, where calculators know it."""
        pointgroup, found = self.system.pointgroup if self.symmetrize else None, {}
        for name, part in self.parts.items():
            own = {array: values[_key(name, array)] for array in part.merges}
            found[name] = part.scatter(own, self.system, pointgroup, number)
        return {name: scatter for name, scatter in found.items() if scatter is not None}

    def arranged(self, results: Mapping[Any, Any]) -> dict[Any, Any]:
        """Results in the order of the grid or path."""
        for name, value in results.items():
            data = getattr(value, "data", 0.0)
            if not np.all(np.isfinite(data) | (self.parts[name].may_be_undefined & np.isnan(data))):
                raise FloatingPointError(f"calculators[{name!r}]: the result contains NaN or infinity")
        return {name: self.parts[name].arrange(value, self.grid) for name, value in results.items()}

    def _criteria(self, values, weight):
        """WannierBerri's criteria (1, 3 × number of results) of a K point: largest value, norm, and norm of the slope."""
        names = self.refined
        keys = {_key(name, array) for name in names for array in self.parts[name].merges}
        return ResultDict(self.finish({key: values[key] / weight for key in keys}, names)).max[None, :]

    def states(self, batch: Batch) -> BlochStates:
        """Bloch states of a batch."""
        return BlochStates(
            self.system,
            batch.kpoints,
            partial(
                data_K_of_list, self.system, batch.kpoints, self.grid, batch.Kpoint,
                data_k_class=self.data_k_class, **self.parameters_K,
            ),
            interpolator=self.interpolator,
            cell=None if isinstance(self.grid, Path) else getattr(batch.Kpoint, "dK_fullBZ", None),
        )  # fmt: skip


def data_K_of_list(system, kpoints, grid, Kpoint, *, data_k_class=None, **parameters):
    """WannierBerri's ``Data_K`` for a list of k points.

    Parameters
    ----------
    system : wannierberri.system.System
    kpoints : float array (k, 3)
        Reduced coordinates.
    grid : wannierberri.Grid or wannierberri.Path
    Kpoint : wannierberri K point
        That the k points belong to.
    data_k_class : type, optional
        The system's own by default.
    **parameters
        Of the class.
    """
    return (data_k_class or default_data_k_class(system))(
        system, k_list=kpoints, grid=grid, Kpoint=Kpoint, **parameters
    )


def check_calculators(calculators, path: bool) -> None:
    """Refuse what is no calculator, or does not work on a grid or path.

    Raises
    ------
    TypeError, ValueError
        With the name of the calculator.
    """
    if not isinstance(calculators, Mapping) or not calculators:
        raise TypeError(f"calculators: expected a dict of name to calculator, found {calculators!r}")
    if len({str(name) for name in calculators}) < len(calculators):
        raise ValueError(f"calculators: expected names that differ as text, found {list(calculators)}")
    for name, calculator in calculators.items():
        if not (callable(calculator) and hasattr(calculator, "allow_grid")):
            raise TypeError(f"calculators[{name!r}]: expected a WannierBerri calculator, found {calculator!r}")
        if not (calculator.allow_path if path else calculator.allow_grid):
            kind = "path" if path else "grid"
            raise ValueError(f"calculators[{name!r}]: {type(calculator).__name__} does not work on a {kind}")


def default_data_k_class(system) -> type:
    """The ``Data_K`` class of a system."""
    own = Data_K_bosons if eigensolver_of(system) != HERMITIAN else None
    return getattr(system, "data_k_class", own) or get_data_k_class_from_system(system)


def _key(name, array):
    return f"{name}: {array}"


def _place(batch):
    first, last = (np.round(k, 8).tolist() for k in (batch.kpoints[0], batch.kpoints[-1]))
    return f"at the k points {first} to {last} ({len(batch.kpoints)}) of the K point {batch.Kpoint}"
