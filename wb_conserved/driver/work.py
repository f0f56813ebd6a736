"""What is evaluated where: the k mesh in batches and chunks, and the calculators on a chunk.

A batch is what is treated together: as many k points as stay in the cache, of one of WannierBerri's K points.  A chunk is
a few consecutive batches: what is summed, handed out and stored as one.  Neither depends on the number of ranks.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.data_K import get_data_k_class_from_system
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.grid import Path
from wannierberri.result import EnergyResult, KBandResult, ResultDict, TABresult

from ..calculators.base import OccupationCalculator
from ..interpolation import WannierInterpolator
from ..interpolation.batches import release
from ..interpolation.bloch import batch_slices
from .summation import TABLE, Values, add

_MOST_CHUNKS = 2**15  # ten for each of some thousand ranks; a list of them is still short
_BATCHES = 32  # of a chunk, where there are many: a few tenths of a second, against which storing it costs little
_FEW_CHUNKS = 256  # below that, chunks are smaller,
_WORK = 1e7  # but not smaller than these k points × cubed numbers of functions, some hundredths of a second,
_OVERHEAD = 100  # in the same units, per k point
_FEWEST_CHUNKS = 64  # unless there would be fewer than that

CRITERIA = TABLE + "refinement"
"""Name of the criteria of refinement, one row per K point."""


@dataclass(frozen=True)
class Batch:
    """K points of the mesh that are treated together, and the weight of their sum."""

    Kpoint: Any
    kpoints: np.ndarray
    weight: float


class Mesh:
    """K points of a grid or path in batches and chunks.

    Parameters
    ----------
    grid : wannierberri.Grid or wannierberri.Path
    Kpoints : sequence of (wannierberri K point, float)
        WannierBerri's K points and their factors.
    num_wann : int
        Number of Wannier functions.
    largest_batch : int, optional
        Largest number of k points in a batch.
    whole : bool
        Chunks are single K points, as refinement needs them.
    """

    def __init__(self, grid, Kpoints, num_wann: int, largest_batch: int | None = None, whole: bool = False):
        self._Kpoints = Kpoints
        self._path = isinstance(grid, Path)
        self._grid_shape = None if self._path else tuple(int(n) for n in grid.FFT)
        self._slices = [slice(None)] if self._path else batch_slices(self._grid_shape, num_wann, largest_batch)
        self.number_of_batches = len(Kpoints) * len(self._slices)
        if whole:
            size = len(self._slices)
        else:
            number = self.number_of_batches
            quick = math.ceil(_WORK / (self.largest_batch * (num_wann**3 + _OVERHEAD)))
            size = max(
                min(_BATCHES, number // _FEW_CHUNKS), min(quick, number // _FEWEST_CHUNKS), -(-number // _MOST_CHUNKS), 1
            )
        self._chunk_size = size
        self.number_of_chunks = -(-self.number_of_batches // size)

    @staticmethod
    def path_batch(number_of_kpoints: int, num_wann: int) -> int:
        """Number of k points of a path to treat together."""
        return batch_slices((1, 1, number_of_kpoints), num_wann)[0].stop

    @property
    def number_of_kpoints(self) -> int:
        """K points evaluated, of all batches."""
        if self._path:
            return sum(len(Kpoint.K) for Kpoint, _ in self._Kpoints)
        return len(self._Kpoints) * int(np.prod(self._grid_shape))

    @property
    def largest_batch(self) -> int:
        """Largest number of k points in a batch."""
        if self._path:
            return max(len(Kpoint.K) for Kpoint, _ in self._Kpoints)
        return max(part.stop - part.start for part in self._slices)

    def batch(self, index: int) -> Batch:
        """A batch by its number."""
        Kpoint, factor = self._Kpoints[index // len(self._slices)]
        if self._path:
            return Batch(Kpoint, Kpoint.K, factor)
        part = self._slices[index % len(self._slices)]
        positions = np.stack(np.unravel_index(np.arange(part.start, part.stop), self._grid_shape), axis=1)
        kpoints = (positions / self._grid_shape + Kpoint.Kp_fullBZ) % 1
        return Batch(Kpoint, kpoints, factor * len(kpoints) / np.prod(self._grid_shape))

    def chunk(self, index: int) -> list[Batch]:
        """Batches of a chunk, in order."""
        first = index * self._chunk_size
        return [self.batch(i) for i in range(first, min(first + self._chunk_size, self.number_of_batches))]


class Evaluation:
    """Calculators on k points of a system.

    Parameters
    ----------
    system : wannierberri.system.System
    grid : wannierberri.Grid or wannierberri.Path
    calculators : mapping of str to wannierberri.calculators.Calculator
    symmetrize : bool
        Symmetrise results with the point group of the system.
    parameters_K : dict, optional
    data_k_class : type, optional
        See `wb_conserved.run`.
    build : callable, optional
        See `WannierInterpolator`.
    """

    def __init__(self, system, grid, calculators, symmetrize, parameters_K=None, data_k_class=None, build=None):
        self.system, self.grid, self.calculators = system, grid, calculators
        self.symmetrize = symmetrize
        self.parameters_K = dict(parameters_K or {})
        self.data_k_class = data_k_class or _data_k_class(system)
        self.interpolator = WannierInterpolator(system, build) if self.data_k_class is Data_K_R else None
        self._templates: dict[str, Any] = {}

    def prepare(self, batch: Batch) -> Values:
        """Evaluate one k point, which prepares all matrices and learns what the results look like.

        Returns
        -------
        dict of arrays
            As `chunk` returns them, for the memory they need.

        Raises
        ------
        TypeError
            A calculator whose result is neither over Fermi levels nor over bands.
        """
        one = Batch(batch.Kpoint, batch.kpoints[:1], batch.weight)
        data_K = self.data_K(one)
        for name, calculator in self.calculators.items():
            if not isinstance(calculator, OccupationCalculator):
                self._templates[name] = calculator(data_K)
                _arrays(name, self._templates[name])
        return self.chunk([one])

    def chunk(
        self,
        batches: list[Batch],
        after_batch: Callable[[], None] = lambda: None,
        *,
        criteria: bool = False,
        tables: bool = True,
    ) -> Values:
        """Weighted sum over some batches.

        Parameters
        ----------
        batches : list of Batch
        after_batch : callable
            Called after each batch.
        criteria : bool
            The batches are those of one K point: add its criteria of refinement.
        tables : bool
            Evaluate tabulators too.

        Returns
        -------
        dict of arrays
            By name of the calculator, see `OccupationCalculator.accumulate`; several arrays for tabulators.

        Raises
        ------
        Exception
            Of a calculator, with a note that tells the k points.
        """
        total, others = {}, None
        for batch in batches:
            try:
                data_K = self.data_K(batch)
                values = {}
                for name, calculator in self.calculators.items():
                    if isinstance(calculator, OccupationCalculator):
                        weight = batch.weight / len(batch.kpoints)
                        total[str(name)] = calculator.accumulate(data_K, weight, total.get(str(name)))
                    elif tables or isinstance(self._templates[name], EnergyResult):
                        values |= _arrays(name, calculator(data_K) * batch.weight)
                _check_finite(values)
                others = add(others, values)
                release(data_K)
            except Exception as error:
                error.add_note(_place(batch))
                raise
            after_batch()
        total |= others or {}
        if criteria:
            weight = sum(batch.weight for batch in batches)
            total[CRITERIA] = self._criteria(total, weight)
        return total

    def finish(self, values: Values, tables: bool = True) -> ResultDict:
        """WannierBerri's result objects from summed arrays, symmetrised where the run asks for it."""
        results = {}
        for name, calculator in self.calculators.items():
            if isinstance(calculator, OccupationCalculator):
                results[name] = calculator.finalize(values[str(name)], self.system)
            elif tables or isinstance(self._templates[name], EnergyResult):
                results[name] = _result(name, self._templates[name], values)
        collected = ResultDict(results)
        return self.system.pointgroup.symmetrize(collected) if self.symmetrize else collected

    def ordered(self, results: ResultDict) -> dict[str, Any]:
        """Results by name, tables in the order of the grid or path."""
        for name, value in results.results.items():
            if not np.all(np.isfinite(getattr(value, "data", 0.0))):
                raise FloatingPointError(f"calculators[{name!r}]: the result contains NaN or infinity")
            if isinstance(value, TABresult):
                if isinstance(self.grid, Path):
                    value.self_to_path(path=self.grid)
                else:
                    value.self_to_grid()
        return results.results

    def _criteria(self, values, weight):
        """WannierBerri's criteria (1, 3 × number of results) of a K point: largest value, norm, and norm of the slope."""
        averages = {name: array / weight for name, array in values.items() if not name.startswith(TABLE)}
        return self.finish(averages, tables=False).max[None, :]

    def data_K(self, batch: Batch):
        """WannierBerri's ``Data_K`` for a batch."""
        return data_K_of_list(
            self.system,
            batch.kpoints,
            self.grid,
            batch.Kpoint,
            data_k_class=self.data_k_class,
            interpolator=self.interpolator,
            **self.parameters_K,
        )


def data_K_of_list(system, kpoints, grid, Kpoint, *, data_k_class=None, interpolator=None, **parameters):
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
    interpolator : WannierInterpolator, optional
        Shared with other lists; made anew by default.
    **parameters
        Of the class.
    """
    data_K = (data_k_class or _data_k_class(system))(system, k_list=kpoints, grid=grid, Kpoint=Kpoint, **parameters)
    if interpolator is not None:
        data_K.__dict__["interpolator"] = interpolator
    return data_K


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


def _data_k_class(system):
    return getattr(system, "data_k_class", None) or get_data_k_class_from_system(system)


def _place(batch):
    first, last = (np.round(k, 8).tolist() for k in (batch.kpoints[0], batch.kpoints[-1]))
    return f"at the k points {first} to {last} ({len(batch.kpoints)}) of the K point {batch.Kpoint}"


def _check_finite(values):
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(f"calculators[{name.removeprefix(TABLE)!r}]: NaN or infinity")


def _arrays(name, result) -> Values:
    """Arrays of a result object: one that adds up, or tables with a row for each k point."""
    if isinstance(result, EnergyResult):
        return {str(name): result.data}
    if isinstance(result, KBandResult):
        return {f"{TABLE}{name}": result.data}
    if isinstance(result, TABresult):
        tables = {f"{TABLE}{name}:k points": result.kpoints}
        return tables | {f"{TABLE}{name}:{part}": table.data for part, table in result.results.items()}
    raise TypeError(
        f"calculators[{name!r}]: expected a calculator that returns an EnergyResult, KBandResult or TABresult, found "
        f"{type(result).__name__}"
    )


def _result(name, template, values: Values):
    """A result object like the template, with the arrays given."""
    result = copy.copy(template)
    if isinstance(template, EnergyResult):
        result.__dict__.pop("dataSmooth", None)
        result.data = values[str(name)]
    elif isinstance(template, KBandResult):
        result.data_list = [values[f"{TABLE}{name}"]]
    else:
        result.kpoints = values[f"{TABLE}{name}:k points"]
        result.results = {part: copy.copy(table) for part, table in template.results.items()}
        for part, table in result.results.items():
            table.data_list = [values[f"{TABLE}{name}:{part}"]]
    return result
