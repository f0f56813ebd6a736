"""The driver: calculators over a k mesh, k points shared over the ranks of a communicator.

The mesh is cut into chunks that do not depend on the number of ranks, and the chunks are summed by a fixed tree, so the
result is the same, bit for bit, on any number of ranks and after any interruption.  The parts are in
`wb_conserved.driver`: `task` (what is done), `passes` (in which order), `mesh` (what a chunk is), `evaluation` (of a chunk),
`schedule` (who gets it), `summation`, `checkpoint`, `refinement`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from .. import compiled
from ..io.spinors import as_system_R
from ..parallel import SerialCommunicator, abort_on_error, one_thread
from ..results.dataset import RunResult
from ..results.noise import format_noise
from .interruption import watch_of
from .loop import Loop
from .options import Options
from .plan import Plan, make_plan
from .task import Folders, Task
from .temperatures import at_temperature, run_at_temperatures, temperatures_of
from .timing import measure

if TYPE_CHECKING:
    from ..annotations import AnySystem, Communicator, Grid, Mesh

__all__ = ["Plan", "estimate", "run", "silent"]

logger = logging.getLogger(__name__)
"""For what is said of results; not of settings."""


def run(
    system: AnySystem,
    grid: Grid,
    calculators: Mapping[str, Any],
    comm: Communicator = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_chunks: bool = True,
    adpt_num_iter: int = 0,
    adpt_mesh: Mesh = 2,
    adpt_fac: int = 1,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    check_symmetry: bool = True,
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
        The same on all ranks.  One with ``temperatures`` is evaluated at each of them, and results are joined.
    grid : int, three ints, wannierberri.Grid or wannierberri.Path
        Numbers of k points (used exactly, see `regular_grid`), or a WannierBerri grid or path.
    calculators : dict of str to wannierberri.calculators.Calculator
        Of this package or of WannierBerri.
    comm : mpi4py.MPI.Comm, optional
        Ranks to share the k points; None: this process alone, without mpi4py.
    checkpoint : path, optional
        Folder that all ranks see.  Finished chunks are stored there as they come, and the same call goes on with them
        after an interruption of any kind.  Removed by the user; a run that is complete answers from it at once.  SIGTERM
        and SIGUSR1 end the run with exit code 75.  The space of the sums is taken before the first k point.
    checkpoint_chunks : bool
        False: only the sums of all k points are stored in the checkpoint, which costs next to nothing.
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
    check_symmetry : bool
        Refuse a point group that bands or spins do not have, see `wb_conserved.diagnostics.check_symmetry`.
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

    Examples
    --------
    >>> from wb_conserved import models, run
    >>> from wb_conserved.calculators import SUMS
    >>> calculators = {name: SUMS[name].calculator([1.0], kBT=0.05) for name in ("kubo", "conventional")}
    >>> result = run(models.rashba_gas(half_width=3.0), [100, 100, 1], calculators)
    >>> sigma = result.to_dataset()["kubo"].sel(i="x", l="y", s="z").item()
    >>> print(f"{sigma:.3e} S")  # −e/8π, e = −|e|
    9.686e-06 S
    """
    arguments = _options(locals())
    if temperatures_of(system):
        further = {"check_symmetry": check_symmetry, "checkpoint_chunks": checkpoint_chunks, "progress": progress}
        joined = run_at_temperatures(run, system, grid, calculators, comm, checkpoint=checkpoint, **arguments | further)
        if fout_name is not None and (comm is None or comm.rank == 0):
            joined.savedata(prefix=fout_name, suffix=suffix, i_iter=0)
        return joined
    start = time.perf_counter()
    system = system if data_k_class is not None else as_system_R(system)
    communicator = SerialCommunicator() if comm is None else comm
    watched = checkpoint if checkpoint_chunks else None
    with ExitStack() as stack, watch_of(communicator, watched) as watch:
        if communicator.size > 1:
            stack.enter_context(one_thread())
        task = Task(communicator, stack, system, grid, calculators, arguments)
        folders = Folders(task, communicator, stack, checkpoint, checkpoint_chunks, fout_name)
        with abort_on_error(communicator), watch.patience():
            loop = Loop(communicator, watch.check, progress)
            outcome = task.evaluate(loop, folders)
            run_result = RunResult(
                communicator.bcast(outcome.results),
                calculators=outcome.calculators,
                system=system,
                mesh=None if task.path else tuple(int(n) for n in task.grid.dense),
                number_of_k_points=outcome.evaluated,
                busy_seconds=communicator.allgather(loop.busy),
                seconds=time.perf_counter() - start,
                refinement=communicator.bcast(outcome.refinement),
                scatters=communicator.bcast(outcome.scatters),
                path=task.grid if task.path else None,
            )
            if fout_name is not None and communicator.rank == 0:
                run_result.savedata(prefix=fout_name, suffix=suffix, i_iter=0)
    named = run_result.select(name for name in run_result.scatters if isinstance(name, str))
    if communicator.rank == 0:
        for line in filter(None, [format_noise(named.to_dataset()), *run_result.doubts()]):
            logger.warning("%s", line)
    return run_result


@contextmanager
def silent(name: str = __name__):
    """Context without warnings of a logger: by default of what `run` says of its results."""
    its_own = logging.getLogger(name)
    before = its_own.level
    its_own.setLevel(logging.ERROR)
    try:
        yield
    finally:
        its_own.setLevel(before)


def estimate(
    system: AnySystem,
    grid: Grid,
    calculators: Mapping[str, Any],
    comm: Communicator = None,
    *,
    adpt_num_iter: int = 0,
    adpt_mesh: Mesh = 2,
    adpt_fac: int = 1,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    check_symmetry: bool = True,
    parameters_K: dict | None = None,
    data_k_class: type | None = None,
    memory_per_rank: float | None = None,
) -> Plan:
    """Memory and time that `run` with these arguments would take, from a part of the mesh evaluated here, for seconds.

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

    Examples
    --------
    >>> from wb_conserved import estimate, models
    >>> from wb_conserved.calculators import SUMS
    >>> plan = estimate(models.rashba_lattice(), [100, 100, 1], {"kubo": SUMS["kubo"].calculator([1.0], kBT=0.05)})
    >>> print(plan)  # doctest: +ELLIPSIS
    k points  10000...
    """
    arguments = _options(locals())
    passes = max(1, len(temperatures_of(system)))
    if temperatures_of(system):
        system, calculators = at_temperature(system, calculators, temperatures_of(system)[0])
    start, compiling = time.perf_counter(), compiled.seconds()
    system = system if data_k_class is not None else as_system_R(system)
    communicator = SerialCommunicator() if comm is None else comm
    with ExitStack() as stack, watch_of(communicator, None) as watch:
        if communicator.size > 1:
            stack.enter_context(one_thread())
        task = Task(communicator, stack, system, grid, calculators, arguments)
        with abort_on_error(communicator), watch.patience():
            # what was compiled, a run finds
            preparing = max(communicator.allgather(time.perf_counter() - start - (compiled.seconds() - compiling)))
            timing = measure(task, communicator, watch.check)
            timing = replace(timing, per_kpoint=passes * timing.per_kpoint, end=passes * timing.end)
        return make_plan(task.mesh, task.evaluations, task.values, communicator.size, task.memory, preparing, timing)


def _options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments of a function that belong to `Options`."""
    return {field.name: arguments[field.name] for field in fields(Options)}
