"""The driver: calculators over a k mesh, k points shared over the ranks of a communicator.

The mesh is cut into batches of k points, the batches into blocks.  Neither depends on the number of ranks: blocks go
round the ranks, a block's batches are summed in order, and the blocks' sums are added in order on rank 0.  So the result
is the same, bit for bit, on any number of ranks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm
from wannierberri.data_K import get_data_k_class_from_system
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.grid import Path
from wannierberri.grid.grid import GridAbstract
from wannierberri.result import ResultDict, TABresult

from .calculators.base import OccupationCalculator
from .calculators.full_mesh import check_full_mesh
from .grid import regular_grid
from .interpolation import WannierInterpolator
from .interpolation.bloch import batch_slices
from .parallel import SerialCommunicator, abort_on_error, agree
from .results.dataset import RunResult

logger = logging.getLogger(__name__)

_BLOCKS = 256


@dataclass(frozen=True)
class Batch:
    """K points of the mesh that are treated together, and the weight of their sum."""

    Kpoint: Any
    kpoints: np.ndarray
    weight: float


def run(
    system,
    grid,
    calculators: Mapping[str, Any],
    comm=None,
    *,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    fout_name: str | None = None,
    suffix: str = "",
    parameters_K: dict | None = None,
    data_k_class: type | None = None,
    progress: bool = False,
) -> RunResult:
    """Evaluate calculators on a k mesh or path.

    Parameters
    ----------
    system : wannierberri.system.System
        The same on all ranks.
    grid : int, three ints, wannierberri.Grid or wannierberri.Path
        Numbers of k points (used exactly, see `regular_grid`), or a WannierBerri grid or path.
    calculators : dict of str to wannierberri.calculators.Calculator
        Of this package or of WannierBerri.
    comm : mpi4py.MPI.Comm, optional
        Ranks to share the k points; None: this process alone, without mpi4py.
    use_irred_kpt : bool
        Evaluate only k points that the symmetry of the system does not relate, and symmetrise the result.
    symmetrize : bool
        Symmetrise the result also on the full mesh.
    fout_name : str, optional
        Write every result in WannierBerri's formats (the calculator's ``save_mode``) to files that begin so; none by
        default.
    suffix : str
        Marker in the names of these files.
    parameters_K : dict, optional
        Arguments for the ``Data_K`` class.
    data_k_class : type, optional
        ``Data_K`` class in place of the one for the system; it must take ``k_list``.
    progress : bool
        Show a progress bar on rank 0.

    Returns
    -------
    RunResult
        A `wannierberri.result.ResultDict` of WannierBerri's result objects, complete on every rank, with
        ``to_dataset()``.

    Raises
    ------
    ValueError, TypeError
        An argument that does not fit; raised on every rank.  An exception during the evaluation ends all ranks
        (``MPI_Abort``) with its message.
    """
    communicator = SerialCommunicator() if comm is None else comm
    start = time.perf_counter()
    task, error = None, None
    try:
        task = _Task(system, grid, calculators, use_irred_kpt, symmetrize, parameters_K, data_k_class)
    except Exception as problem:
        error = problem
    agree(communicator, error)

    with abort_on_error(communicator):
        blocks = np.array_split(np.arange(len(task.batches)), min(_BLOCKS, len(task.batches)))
        mine = range(communicator.rank, len(blocks), communicator.size)
        hidden = not progress or communicator.rank != 0
        with tqdm(total=sum(len(blocks[i]) for i in mine), disable=hidden, unit="batch", desc="k points") as bar:
            sums = {i: task.block([task.batches[j] for j in blocks[i]], bar) for i in mine}
        gathered = communicator.gather(sums)
        result = None
        if communicator.rank == 0:
            ordered = {i: block for part in gathered for i, block in part.items()}
            total = task.add(ordered[i] for i in range(len(blocks)))
            result = task.finish(total)
        results = communicator.bcast(result)
        seconds = time.perf_counter() - start
        run_result = RunResult(
            results,
            calculators=dict(calculators),
            system=system,
            mesh=None if task.path else tuple(int(n) for n in task.grid.dense),
            number_of_k_points=sum(len(batch.kpoints) for batch in task.batches),
            ranks=communicator.size,
            seconds=seconds,
        )
        if fout_name is not None and communicator.rank == 0:
            run_result.savedata(prefix=fout_name, suffix=suffix, i_iter=0)
    return run_result


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


def _data_k_class(system):
    return getattr(system, "data_k_class", None) or get_data_k_class_from_system(system)


class _Task:
    """What is evaluated where, checked."""

    def __init__(self, system, grid, calculators, use_irred_kpt, symmetrize, parameters_K, data_k_class):
        if not isinstance(calculators, Mapping) or not calculators:
            raise TypeError(f"calculators: expected a dict of name to calculator, found {calculators!r}")
        self.system, self.calculators = system, calculators
        self.path = isinstance(grid, Path)
        self.grid = grid if isinstance(grid, GridAbstract) or self.path else regular_grid(system, grid)
        for name, calculator in calculators.items():
            if not (callable(calculator) and hasattr(calculator, "allow_grid")):
                raise TypeError(f"calculators[{name!r}]: expected a WannierBerri calculator, found {calculator!r}")
            if not (calculator.allow_path if self.path else calculator.allow_grid):
                kind = "path" if self.path else "grid"
                raise ValueError(f"calculators[{name!r}]: {type(calculator).__name__} does not work on a {kind}")
        self.symmetrize = (symmetrize or use_irred_kpt) and not self.path
        if self.symmetrize:
            check_full_mesh(calculators, system.pointgroup)
        self.parameters_K = dict(parameters_K or {})
        self.data_k_class = data_k_class or _data_k_class(system)
        self.interpolator = WannierInterpolator(system) if self.data_k_class is Data_K_R else None
        self.batches = self._cut(use_irred_kpt and not self.path)

    def _cut(self, use_symmetry):
        num_wann = self.system.num_wann
        if self.path:
            # a path hands out its k points in parts of the size asked for
            size = batch_slices((1, 1, len(self.grid.K_list)), num_wann)[0].stop
            return [Batch(Kpoint, Kpoint.K, 1.0) for Kpoint in self.grid.get_K_list(k_batch=size)]
        slices = batch_slices(self.grid.FFT, num_wann)
        weight = 1.0 / np.prod(self.grid.FFT)
        batches = []
        for Kpoint in self.grid.get_K_list(use_symmetry=use_symmetry):
            kpoints = (self.grid.points_FFT + Kpoint.Kp_fullBZ) % 1
            batches += [Batch(Kpoint, kpoints[part], Kpoint.factor * weight * len(kpoints[part])) for part in slices]
        return batches

    def block(self, batches, bar):
        """Weighted sum over the batches of a block: spectra of our calculators, result objects of WannierBerri's."""

        def evaluate(batch):
            data_K = data_K_of_list(
                self.system,
                batch.kpoints,
                self.grid,
                batch.Kpoint,
                data_k_class=self.data_k_class,
                interpolator=self.interpolator,
                **self.parameters_K,
            )
            values = {}
            for name, calculator in self.calculators.items():
                if isinstance(calculator, OccupationCalculator):
                    values[name] = calculator.accumulate(data_K, batch.weight / data_K.nk)
                else:
                    values[name] = calculator(data_K) * batch.weight
            bar.update()
            return values

        return self.add(evaluate(batch) for batch in batches)

    @staticmethod
    def add(parts):
        """Sum of dictionaries, in order."""
        total = None
        for part in parts:
            total = part if total is None else {name: total[name] + value for name, value in part.items()}
        return total

    def finish(self, total):
        """Result objects of WannierBerri."""
        results = {}
        for name, value in total.items():
            calculator = self.calculators[name]
            if isinstance(calculator, OccupationCalculator):
                value = calculator.finalize(value, self.system)
            if not np.all(np.isfinite(getattr(value, "data", 0.0))):
                raise FloatingPointError(f"calculators[{name!r}]: the result contains NaN or infinity")
            results[name] = value
        collected = ResultDict(results)
        if self.symmetrize:
            collected = self.system.pointgroup.symmetrize(collected)
        for value in collected.results.values():
            if isinstance(value, TABresult):
                if self.path:
                    value.self_to_path(path=self.grid)
                else:
                    value.self_to_grid()
        return collected.results
