"""What a run does: checked, prepared and evaluated, pass after pass, iteration after iteration."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import wannierberri
from wannierberri.grid.grid import GridAbstract

from ..calculators.full_mesh import check_full_mesh
from ..calculators.scatter import Scatter
from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..interpolation.batches import is_interpolated
from ..parallel import NodeMemory, agree, agree_or_abort
from .checkpoint import Checkpoint, IterationFolder
from .doubts import doubts
from .evaluation import CRITERIA, Evaluation, check_calculators, default_data_k_class
from .fingerprint import digest, fingerprint, linear_algebra
from .grid import regular_grid
from .kpoints import contents, kpoints_of_grid
from .mesh import Batch, Mesh
from .options import Options
from .passes import informed, passes_of
from .plan import bytes_of_total, largest_batch
from .refinement import KPointList, Refinement
from .summation import add
from .symmetry import check_symmetry

logger = logging.getLogger(__name__)

_NOT_REFINED = "0 with impurities, whose equation is solved on one mesh"
_KEPT = 2**25 - 2**17  # bytes; glibc keeps freed blocks up to the size of the largest one that was ever freed, at most 32 MB


@dataclass
class Outcome:
    """What an evaluation found.

    Attributes
    ----------
    results : dict of str to result, or None
        On rank 0.
    calculators : dict of str to calculator
        Those of the last pass, which know the results of the passes before.
    refinement : Refinement or None
    evaluated : int
        K points of the last pass.
    scatters : dict of str to Scatter
        On rank 0, without refinement, which has an error estimate of its own.
    """

    results: dict[Any, Any] | None
    calculators: dict[Any, Any]
    refinement: Refinement | None
    evaluated: int
    scatters: dict[Any, Scatter]


class Task:
    """What is evaluated where, checked; made and used by all ranks together.

    Parameters
    ----------
    communicator
    stack : contextlib.ExitStack
        Frees what the task holds.
    system, grid, calculators
        See `wb_conserved.run`.
    arguments : dict
        Of `Options`.

    Attributes
    ----------
    system : wannierberri.system.System
    options : Options
    grid : wannierberri.Grid or wannierberri.Path
    path : bool
    mesh : Mesh
        Of all passes, and of the first iteration of refinement.
    evaluations : list of Evaluation
        Of each pass, prepared; those after the first with provisional results of the passes before, of one k point.
    values : list of dict of arrays
        Of one k point, of each pass.
    memory : NodeMemory
    iterations : int
        Of refinement.
    """

    def __init__(self, communicator, stack, system, grid, calculators, arguments: dict):
        _keep_freed_memory()
        self._communicator, self.system = communicator, system
        error = None
        try:
            self.options = Options(**arguments)
            self._check(grid, calculators)
        except Exception as problem:
            error = problem
        agree(communicator, error)
        self.memory = NodeMemory(communicator)
        stack.callback(self.memory.free)
        try:
            self._prepare(calculators)
        except Exception as problem:
            error = problem
        agree_or_abort(communicator, error)
        _warn_of_differences(communicator)
        if communicator.rank == 0:
            for doubt in doubts(system, calculators):
                logger.warning("%s", doubt)

    def _check(self, grid, calculators):
        options, system = self.options, self.system
        self.path = isinstance(grid, wannierberri.Path)
        check_calculators(calculators, self.path)
        self.symmetrize = (options.symmetrize or options.use_irred_kpt) and not self.path
        if self.symmetrize:
            check_full_mesh(calculators, system.pointgroup)
            if options.check_symmetry:
                check_symmetry(system, _levels(calculators))
        if options.refined and self.path:
            raise InputError("adpt_num_iter", "0 on a path", repr(options.adpt_num_iter))
        if options.refined and any(getattr(part, "needs_impurities", False) for part in calculators.values()):
            raise InputError("adpt_num_iter", _NOT_REFINED, repr(options.adpt_num_iter))
        ready = isinstance(grid, GridAbstract) or self.path
        self.grid = grid if ready else regular_grid(system, grid, small=options.refined)
        self.iterations = 0 if self.path else options.iterations(self.grid, system.periodic)
        self._list = None
        if self.path:
            size = Mesh.path_batch(len(self.grid.K_list), system.num_wann)
            self._Kpoints = [(Kpoint, 1.0) for Kpoint in self.grid.get_K_list(k_batch=size)]
            return
        self._Kpoints = kpoints_of_grid(self.grid, options.use_irred_kpt)
        if self.iterations:
            Kpoints = [Kpoint for Kpoint, _ in self._Kpoints]
            self._list = KPointList(
                self.grid, Kpoints, system.periodic, options.adpt_mesh, options.adpt_fac, options.use_irred_kpt
            )
            self._Kpoints = self._list.changes()

    def _prepare(self, calculators):
        system = self.system
        calculators = {
            name: part.for_system(system) if hasattr(part, "for_system") else part for name, part in calculators.items()
        }
        data_k_class = self.options.data_k_class or default_data_k_class(system)
        self._interpolator = WannierInterpolator(system, self.memory.build) if is_interpolated(data_k_class) else None
        self._passes = passes_of(system, calculators)
        Kpoint, factor = self._Kpoints[0]
        kpoints = Kpoint.K if self.path else Kpoint.Kp_fullBZ
        one = Batch(Kpoint, np.atleast_2d(kpoints)[:1], factor)
        self.evaluations, self.values, provisional = [], [], {}
        for stage in self._passes:
            evaluation = self._evaluation(informed(system, stage, provisional, provisional=True))
            self.values.append(evaluation.prepare(one))
            self.evaluations.append(evaluation)
            if len(self.evaluations) < len(self._passes):
                whole = {name: value / factor for name, value in self.values[-1].items()}
                provisional |= evaluation.finish(whole)
        spectra = [name for name, part in calculators.items() if getattr(part, "further_axes", {})]
        if self.iterations and spectra:
            raise InputError("adpt_num_iter", f"0 with frequencies ({', '.join(map(str, spectra))})", f"{self.iterations}")
        if self.iterations and not self.evaluations[-1].refined:
            raise InputError("adpt_num_iter", "a calculator over Fermi levels to refine for", "tabulators only")
        largest = [
            largest_batch(evaluation, values, self.options.memory_per_rank)
            for evaluation, values in zip(self.evaluations, self.values, strict=True)
        ]
        largest = min((size for size in largest if size is not None), default=None)
        self.mesh = Mesh(self.grid, self._Kpoints, system.num_wann, largest, whole=self.iterations > 0)

    def _evaluation(self, calculators):
        return Evaluation(
            self.system, self.grid, calculators, symmetrize=self.symmetrize, interpolator=self._interpolator,
            parameters_K=self.options.parameters_K, data_k_class=self.options.data_k_class,
        )  # fmt: skip

    @property
    def bytes_of_sums(self) -> int:
        """Bytes of the sums of all passes and iterations, with tables."""
        sizes = [
            bytes_of_total(values, evaluation.merges, self.mesh.number_of_kpoints)
            for values, evaluation in zip(self.values, self.evaluations, strict=True)
        ]
        return sum(sizes) + self.iterations * sizes[-1]

    def marks(self) -> dict[str, Any]:
        """What the bits of the result depend on, by name."""
        return fingerprint(
            self.system,
            self._passes[-1],
            mesh=None if self.path else " × ".join(str(int(n)) for n in self.grid.dense),
            grid=contents(self._Kpoints),
            k_points_of_a_batch=self.mesh.largest_batch,
            refinement=self._list.settings if self._list else None,
            symmetrize=self.symmetrize,
            parameters_K=self.options.parameters_K,
            data_k_class=self.options.data_k_class or default_data_k_class(self.system),
        )

    def evaluate(self, loop, folders) -> Outcome:
        """All passes; the results on rank 0."""
        known: dict[str, Any] = {}
        for number, evaluation in enumerate(self.evaluations[:-1]):
            evaluation = self.informed(number, known) if number else evaluation
            values = loop.total(
                self.mesh, evaluation.chunk, evaluation.merges, folders.of_pass(number), f"pass {number + 1}"
            )
            found = evaluation.finish(values) if self._first else None
            known |= self._communicator.bcast(found)
        last = self.informed(len(self._passes) - 1, known) if known else self.evaluations[-1]
        return self._refined(last, loop, folders)

    @property
    def _first(self):
        return self._communicator.rank == 0

    def informed(self, number: int, known: dict[str, Any], provisional: bool = False) -> Evaluation:
        """Evaluation of a pass with the results of those before, on one k point as on all ranks.

        Parameters
        ----------
        number : int
            Of the pass.
        known : dict of str to result
        provisional : bool
            See `wb_conserved.calculators.contract.Accumulating.with_results`.
        """
        evaluation = self._evaluation(informed(self.system, self._passes[number], known, provisional))
        batch = self.mesh.batch(0)
        evaluation.prepare(Batch(batch.Kpoint, batch.kpoints[:1], batch.weight))
        return evaluation

    def _refined(self, evaluation, loop, folders) -> Outcome:
        """The last pass, with all iterations of refinement."""
        total, changes, divided, evaluated = None, [], [], 0
        mesh, refined = self.mesh, evaluation.refined
        for iteration in range(self.iterations + 1):

            def chunk(batches, after_batch, tables=iteration == 0):
                return evaluation.chunk(batches, after_batch, criteria=self.iterations > 0, tables=tables)

            title = f"refinement {iteration}" if iteration else "k points"
            values = loop.total(mesh, chunk, evaluation.merges, folders.iteration(iteration), title)
            evaluated += mesh.number_of_kpoints
            if not self.iterations:
                total = values
                break
            self._list.set_criteria(self._communicator.bcast(values.pop(CRITERIA) if self._first else None))
            if self._first and iteration:
                found = evaluation.finish(values, refined)
                changes.append({name: result.data for name, result in found.items()})
                total |= add({name: total[name] for name in values}, values, evaluation.merges)
            elif self._first:
                total = values
            if iteration < self.iterations:
                divided.append(self._list.divide())
                mesh = Mesh(
                    self.grid, self._list.changes(), self.system.num_wann, self.mesh.largest_batch, whole=True
                )
        if not self._first:
            return Outcome(None, evaluation.calculators, None, evaluated, {})
        results = evaluation.arranged(evaluation.finish(total))
        refinement, scatters = None, {}
        if not (self.iterations or self.path):
            scatters = evaluation.scatters(total, int(np.prod(self.grid.dense)))
        if self.iterations:
            stacked = {name: np.stack([change[name] for change in changes]) for name in changes[0]}
            refinement = Refinement(divided, stacked, self._list.error(stacked))
        return Outcome(results, evaluation.calculators, refinement, evaluated, scatters)


class Folders:
    """Where a run stores its sums; checked on all ranks before the first k point.

    Parameters
    ----------
    task : Task
    communicator
    stack : contextlib.ExitStack
    checkpoint, checkpoint_chunks, fout_name
        See `wb_conserved.run`.
    """

    def __init__(self, task: Task, communicator, stack, checkpoint, checkpoint_chunks, fout_name):
        self.name = None if checkpoint is None else os.fspath(checkpoint)
        self._every_chunk, self._header = checkpoint_chunks, b""
        self._run, error = None, None
        try:
            if communicator.rank == 0 and fout_name is not None:
                _check_writable(Path(fout_name).parent, f"fout_name {fout_name!r}")
            if communicator.rank == 0 and checkpoint is not None:
                marks = task.marks()
                self._run = digest(marks)
                store = Checkpoint(checkpoint, marks)
                stack.callback(store.close)
                self._header = store.header
                store.reserve(task.bytes_of_sums)
        except Exception as problem:
            error = problem
        agree(communicator, error)
        self._run = communicator.bcast(self._run)
        self._communicator = communicator

    def of_pass(self, number: int) -> IterationFolder | None:
        """Folder of a pass before the last one; collective."""
        return self._folder(f"pass-{number:04d}")

    def iteration(self, number: int) -> IterationFolder | None:
        """Folder of an iteration of the last pass; collective."""
        return self._folder(f"iteration-{number:04d}")

    def _folder(self, name):
        if self.name is None:
            return None
        folder, error = None, None
        try:
            used = self._every_chunk or self._communicator.rank == 0
            folder = IterationFolder(Path(self.name), name, self._run, self._every_chunk, self._header, used)
        except Exception as problem:
            error = problem
        agree(self._communicator, error)
        return folder


def _levels(calculators):
    """All Fermi levels of some calculators, eV."""
    scans = [getattr(calculator, "Efermi", []) for calculator in calculators.values()]
    return np.unique(np.concatenate([np.ravel(scan) for scan in scans]).astype(float))


@cache
def _keep_freed_memory():
    """Let memory that one batch frees serve the next, instead of going back to the system; once is enough."""
    np.empty(_KEPT, dtype=np.uint8)


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
