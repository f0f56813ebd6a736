"""The driver: calculators over a k mesh, k points shared over the ranks of a communicator.

The mesh is cut into chunks that do not depend on the number of ranks, and the chunks are summed by a fixed tree, so the
result is the same, bit for bit, on any number of ranks and after any interruption.  The parts are in
`wb_conserved.driver`: `work` (what a chunk is), `schedule` (who gets it), `summation`, `checkpoint`, `refinement`.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import wannierberri
from wannierberri.grid.grid import GridAbstract
from wannierberri.result import EnergyResult

from ..calculators.full_mesh import check_full_mesh
from ..parallel import NodeMemory, SerialCommunicator, abort_on_error, agree, agree_or_abort
from ..results.dataset import RunResult
from .checkpoint import Checkpoint, IterationFolder
from .fingerprint import digest, fingerprint, linear_algebra
from .grid import regular_grid
from .interruption import stop_on_signal
from .kpoints import contents, kpoints_of_grid
from .loop import Loop
from .plan import Plan, largest_batch, make_plan
from .refinement import KPointList, Refinement, refinement_mesh
from .summation import TABLE, add
from .work import CRITERIA, Batch, Evaluation, Mesh, check_calculators, data_K_of_list

logger = logging.getLogger(__name__)

__all__ = ["Plan", "data_K_of_list", "estimate", "run"]


def run(
    system,
    grid,
    calculators: Mapping[str, Any],
    comm=None,
    *,
    checkpoint: str | os.PathLike | None = None,
    adpt_num_iter: int = 0,
    adpt_mesh=2,
    adpt_fac: int = 1,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    fout_name: str | None = None,
    suffix: str = "",
    parameters_K: dict | None = None,
    data_k_class: type | None = None,
    memory_per_rank: float | None = None,
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
    checkpoint : path, optional
        Folder that all ranks see.  Finished chunks are stored there as they come, and the same call goes on with them
        after an interruption of any kind.  Removed by the user; a run that is complete answers from it at once.  SIGTERM
        and SIGUSR1 end the run with exit code 75.
    adpt_num_iter : int
        Iterations of adaptive refinement, as in WannierBerri; K points with the largest contributions are divided.
        Negative: that many thirds of what would divide every K point once.
    adpt_mesh : int or three ints
        Parts in which a K point is divided along each direction.
    adpt_fac : int
        K points divided per result and criterion.
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
    memory_per_rank : float, optional
        Bytes that a rank may use, besides the R-space matrices, which the ranks of a node share.  Fewer k points are
        treated together where that is needed.
    progress : bool
        Show a progress bar on rank 0.

    Returns
    -------
    RunResult
        A `wannierberri.result.ResultDict` of WannierBerri's result objects, complete on every rank, with
        ``to_dataset()``; ``refinement`` holds the changes and the error estimate of refinement.

    Raises
    ------
    ValueError, TypeError, OSError
        An argument that does not fit, a checkpoint of another run, or a folder that cannot be written to; raised on every
        rank, before the first k point.  An exception during the evaluation ends all ranks (``MPI_Abort``) with its message,
        the rank and the k points.
    """
    start = time.perf_counter()
    communicator = SerialCommunicator() if comm is None else comm
    with ExitStack() as stack:
        task = _Task(
            communicator, stack, system, grid, calculators, use_irred_kpt, symmetrize, parameters_K, data_k_class,
            memory_per_rank, adpt_num_iter, adpt_mesh, adpt_fac,
        )  # fmt: skip
        folders = _Folders(task, communicator, stack, checkpoint, fout_name)
        with abort_on_error(communicator), stop_on_signal(communicator, folders.name) as check:
            loop = Loop(communicator, check, progress)
            result, refinement, evaluated = task.evaluate(loop, folders)
            run_result = RunResult(
                communicator.bcast(result),
                calculators=dict(calculators),
                system=system,
                mesh=None if task.path else tuple(int(n) for n in task.grid.dense),
                number_of_k_points=evaluated,
                busy_seconds=communicator.allgather(loop.busy),
                seconds=time.perf_counter() - start,
                refinement=communicator.bcast(refinement),
            )
            if fout_name is not None and communicator.rank == 0:
                run_result.savedata(prefix=fout_name, suffix=suffix, i_iter=0)
    return run_result


def estimate(
    system,
    grid,
    calculators: Mapping[str, Any],
    comm=None,
    *,
    adpt_num_iter: int = 0,
    adpt_mesh=2,
    adpt_fac: int = 1,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    parameters_K: dict | None = None,
    data_k_class: type | None = None,
    memory_per_rank: float | None = None,
) -> Plan:
    """Memory and time that `run` with these arguments would take, from one batch of k points evaluated here.

    Parameters
    ----------
    system, grid, calculators, comm, ...
        See `run`; the estimate is for the ranks of `comm`.

    Returns
    -------
    Plan
        To be printed.

    Raises
    ------
    ValueError, TypeError
        See `run`.
    """
    communicator = SerialCommunicator() if comm is None else comm
    with ExitStack() as stack:
        task = _Task(
            communicator, stack, system, grid, calculators, use_irred_kpt, symmetrize, parameters_K, data_k_class,
            memory_per_rank, adpt_num_iter, adpt_mesh, adpt_fac,
        )  # fmt: skip
        with abort_on_error(communicator):
            batch = task.mesh.batch(0)
            times = []
            for _ in range(3):
                communicator.allgather(None)  # all at the same time, as they will
                start = time.perf_counter()
                task.evaluation.chunk([batch])
                times.append(time.perf_counter() - start)
            seconds = max(communicator.allgather(min(times[1:]))) / len(batch.kpoints)
        return make_plan(task.mesh, task.evaluation, task.values, communicator.size, task.memory, seconds)


class _Task:
    """What is evaluated where, checked; collective."""

    def __init__(
        self, communicator, stack, system, grid, calculators, use_irred_kpt, symmetrize, parameters_K, data_k_class,
        memory_per_rank, adpt_num_iter, adpt_mesh, adpt_fac,
    ):  # fmt: skip
        error = None
        try:
            self._check(system, grid, calculators, use_irred_kpt, symmetrize, adpt_num_iter, adpt_mesh, adpt_fac)
        except Exception as problem:
            error = problem
        agree(communicator, error)
        self.memory = NodeMemory(communicator)
        stack.callback(self.memory.free)
        try:
            self.evaluation = Evaluation(
                system, self.grid, calculators, self.symmetrize, parameters_K, data_k_class, self.memory.build
            )
            Kpoint, factor = self.Kpoints[0]
            kpoints = Kpoint.K if self.path else Kpoint.Kp_fullBZ
            self.values = self.evaluation.prepare(Batch(Kpoint, np.atleast_2d(kpoints), factor))
            if self.iterations and not any(not name.startswith(TABLE) for name in self.values):
                raise ValueError("adpt_num_iter: expected a calculator over Fermi levels to refine for, found tabulators only")
            largest = largest_batch(self.evaluation, self.values, memory_per_rank)
            self.mesh = Mesh(self.grid, self.Kpoints, system.num_wann, largest, whole=self.iterations > 0)
        except Exception as problem:
            error = problem
        agree_or_abort(communicator, error)
        _warn_of_differences(communicator)

    def _check(self, system, grid, calculators, use_irred_kpt, symmetrize, adpt_num_iter, adpt_mesh, adpt_fac):
        self.path = isinstance(grid, wannierberri.Path)
        check_calculators(calculators, self.path)
        self.symmetrize = (symmetrize or use_irred_kpt) and not self.path
        if self.symmetrize:
            check_full_mesh(calculators, system.pointgroup)
        refined = adpt_num_iter != 0 and np.any(refinement_mesh(adpt_mesh) > 1)
        if refined and self.path:
            raise ValueError(f"adpt_num_iter: expected 0 on a path, found {adpt_num_iter!r}")
        ready = isinstance(grid, GridAbstract) or self.path
        self.grid = grid if ready else regular_grid(system, grid, small=refined)
        if self.path:
            size = Mesh.path_batch(len(self.grid.K_list), system.num_wann)
            self.Kpoints = [(Kpoint, 1.0) for Kpoint in self.grid.get_K_list(k_batch=size)]
            self.iterations = 0
            return
        self.Kpoints = kpoints_of_grid(self.grid, use_irred_kpt)
        self.iterations = _number_of_iterations(adpt_num_iter, self.grid, adpt_mesh, adpt_fac) if refined else 0
        if self.iterations:
            Kpoints = [Kpoint for Kpoint, _ in self.Kpoints]
            mesh = refinement_mesh(adpt_mesh)
            self._list = KPointList(self.grid, Kpoints, system.periodic, mesh, adpt_fac, use_irred_kpt)
            self.Kpoints = self._list.changes()

    def evaluate(self, loop, folders):
        """Results and refinement on rank 0, None on the others; and the number of k points evaluated."""
        first = loop.communicator.rank == 0
        total, changes, divided, evaluated = None, [], [], 0
        mesh = self.mesh
        for iteration in range(self.iterations + 1):

            def chunk(batches, after_batch, tables=iteration == 0):
                return self.evaluation.chunk(batches, after_batch, criteria=self.iterations > 0, tables=tables)

            title = f"refinement {iteration}" if iteration else "k points"
            values = loop.total(mesh, chunk, folders.iteration(iteration), title)
            evaluated += mesh.number_of_kpoints
            if not self.iterations:
                break
            self._list.set_criteria(loop.communicator.bcast(values.pop(CRITERIA) if first else None))
            if first and iteration:
                changes.append(self._over_energies(self.evaluation.finish(values, tables=False)))
                values |= {name: array[:0] for name, array in total.items() if name.startswith(TABLE)}
            total = add(total, values) if first else None
            if iteration < self.iterations:
                divided.append(self._list.divide())
                mesh = Mesh(self.grid, self._list.changes(), self.evaluation.system.num_wann, self._largest, whole=True)
        if not first:
            return None, None, evaluated
        results = self.evaluation.ordered(self.evaluation.finish(values if total is None else total))
        if not self.iterations:
            return results, None, evaluated
        stacked = {name: np.stack([change[name] for change in changes]) for name in changes[0]}
        return results, Refinement(divided, stacked, self._list.error(stacked)), evaluated

    @property
    def _largest(self):
        return self.mesh.largest_batch

    @staticmethod
    def _over_energies(results):
        return {name: result.data for name, result in results.results.items() if isinstance(result, EnergyResult)}


class _Folders:
    """Where a run stores its sums; checked on all ranks before the first k point."""

    def __init__(self, task, communicator, stack, checkpoint, fout_name):
        self.name = None if checkpoint is None else os.fspath(checkpoint)
        self._run, error = None, None
        try:
            if communicator.rank == 0 and fout_name is not None:
                _check_writable(Path(fout_name).parent, f"fout_name {fout_name!r}")
            if communicator.rank == 0 and checkpoint is not None:
                marks = fingerprint(
                    task.evaluation.system,
                    task.evaluation.calculators,
                    grid=contents(task.Kpoints),
                    k_points_of_a_batch=task.mesh.largest_batch,
                    refinement=None if not task.iterations else task._list.settings,
                    symmetrize=task.symmetrize,
                    parameters_K=task.evaluation.parameters_K,
                    data_k_class=task.evaluation.data_k_class,
                )
                self._run = digest(marks)
                stack.callback(Checkpoint(checkpoint, marks).close)
        except Exception as problem:
            error = problem
        agree(communicator, error)
        self._run = communicator.bcast(self._run)
        self._communicator = communicator

    def iteration(self, number: int) -> IterationFolder | None:
        """Folder of an iteration; collective."""
        if self.name is None:
            return None
        folder, error = None, None
        try:
            folder = IterationFolder(Path(self.name), number, self._run)
        except Exception as problem:
            error = problem
        agree(self._communicator, error)
        return folder


def _warn_of_differences(communicator):
    """Say if not all ranks have the same linear algebra, on which the last digits depend."""
    libraries = sorted(set(communicator.allgather(linear_algebra() if communicator.size > 1 else "")))
    if len(libraries) > 1 and communicator.rank == 0:
        logger.warning(
            "the ranks use different linear algebra (%s): the last digits depend on which rank does what",
            "; ".join(libraries),
        )


def _check_writable(folder, argument):
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(f"{argument}: expected a folder that can be written to; found: {error.strerror}") from error


def _number_of_iterations(adpt_num_iter, grid, adpt_mesh, adpt_fac):
    if not isinstance(adpt_num_iter, (int, np.integer)):
        raise ValueError(f"adpt_num_iter: expected an integer, found {adpt_num_iter!r}")
    if adpt_num_iter >= 0:
        return int(adpt_num_iter)
    return round(-adpt_num_iter * np.prod(grid.div) / np.prod(refinement_mesh(adpt_mesh)) / adpt_fac / 3)
