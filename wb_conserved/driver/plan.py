"""Memory and time of a run, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

from .. import compiled
from ..errors import InputError
from ..interpolation.bloch import working_bytes_per_kpoint
from .schedule import grants, missing
from .summation import nbytes
from .timing import Timing

_ALL_MEMORY = 2**60
_INTERPRETER, _COMPILER = 200 * 2**20, 120 * 2**20
"""Bytes of Python and the libraries, and of Numba: 140 to 200 MiB and 100 MiB were found, 180 in a run that compiles."""

_UNDISTURBED = 0.8
"""Processor time over time, below which it is said."""


@dataclass(frozen=True)
class Plan:
    """What a run would take.

    Attributes
    ----------
    kpoints, batch, chunks, ranks : int
        K points evaluated, k points treated together, chunks handed out, processes.
    interpreter, matrices, working, results : int
        Bytes of a rank: Python and libraries; R-space matrices, which the ranks of a node share; the batch in work,
        or what preparing the matrices takes; sums.
    ranks_of_node : int
        Ranks that share the matrices.
    checkpoint : int
        Bytes on disk, at most.
    preparation : float
        Seconds before the first k point.
    timing : Timing
        Of the k points, and of what follows.
    """

    kpoints: int
    batch: int
    chunks: int
    ranks: int
    ranks_of_node: int
    interpreter: int
    matrices: int
    working: int
    results: int
    checkpoint: int
    preparation: float
    timing: Timing

    @property
    def bytes_per_rank(self) -> int:
        """Memory of a rank, with its share of what the node shares."""
        return self.interpreter + self.matrices // self.ranks_of_node + self.working + self.results

    @property
    def bytes_per_node(self) -> int:
        """Memory of the ranks of one node."""
        return self.ranks_of_node * (self.interpreter + self.working + self.results) + self.matrices

    @property
    def core_seconds(self) -> float:
        """Time of all ranks together for the k points."""
        return self.kpoints * self.timing.per_kpoint + self.timing.further * self.timing.per_further

    @property
    def seconds(self) -> float:
        """Wall time of the run, as `RunResult.seconds`."""
        timing = self.timing
        rounds = -(-self.chunks // self.ranks) / self.chunks
        seconds = rounds * self.kpoints * timing.per_kpoint
        if timing.further:
            seconds += timing.further * timing.per_further / min(self.ranks, timing.divided)
        return seconds + self.besides

    @property
    def besides(self) -> float:
        """Seconds before the first and after the last k point."""
        return self.preparation + self.timing.end

    def __str__(self):
        timing = self.timing
        further = f", and about {timing.further} by refinement" if timing.further else ""
        disturbed = (
            f"          other programs took {100 * (1 - timing.share):.0f} % of the time meanwhile: about "
            f"{_duration(timing.share * self.seconds)} without them"
        )
        return "\n".join(
            [
                f"k points  {self.kpoints} in {self.chunks} chunks, {self.batch} at a time{further}",
                f"time      {1e3 * timing.per_kpoint:.3g} ms per k point, {_duration(self.core_seconds)} in all; "
                f"{_duration(self.seconds)} on {self.ranks} process{'es' if self.ranks > 1 else ''}, "
                f"{_duration(self.besides)} of it before the first and after the last k point",
                *([disturbed] if timing.share < _UNDISTURBED else []),
                f"memory    {_size(self.bytes_per_rank)} per process: Python and libraries {_size(self.interpreter)}, "
                f"matrices {_size(self.matrices)} shared by {self.ranks_of_node}, k points in work {_size(self.working)}, "
                f"sums {_size(self.results)}",
                f"          {_size(self.bytes_per_node)} on a node of {self.ranks_of_node} process"
                f"{'es' if self.ranks_of_node > 1 else ''}; a checkpoint takes up to {_size(self.checkpoint)}",
            ]
        )


def make_plan(mesh, evaluations, values, ranks: int, memory, preparation: float, timing: Timing) -> Plan:
    """Plan of a run.

    Parameters
    ----------
    mesh : Mesh
    evaluations : list of Evaluation
        Of each pass, prepared.
    values : list of dict of arrays
        Of one k point, of each pass.
    ranks : int
    memory : NodeMemory
    preparation : float
    timing : Timing
        See `Plan`.
    """
    sizes = [_bytes_of_sums(found, evaluation.merges) for evaluation, found in zip(evaluations, values, strict=True)]
    summed, row = (max(size) for size in zip(*sizes, strict=True))  # of one pass at a time
    number = mesh.number_of_chunks
    held = _nodes_held(number, ranks)
    tables = row * mesh.number_of_kpoints
    return Plan(
        kpoints=mesh.number_of_kpoints,
        batch=mesh.largest_batch,
        chunks=number,
        ranks=ranks,
        ranks_of_node=memory.ranks,
        interpreter=_interpreter(),
        matrices=_matrices(evaluations[0]),
        working=max(mesh.largest_batch * _working(evaluations[-1]), _preparation(evaluations[-1])),
        results=summed * held + tables,
        checkpoint=summed * held * ranks + tables,
        preparation=preparation,
        timing=timing,
    )


def largest_batch(evaluation, values, memory_per_rank: float | None) -> int | None:
    """Number of k points that can be treated together with the memory of a rank.

    Parameters
    ----------
    evaluation, values
        See `make_plan`.
    memory_per_rank : float or None
        Bytes, without the R-space matrices, which the ranks of a node share; None: no limit.

    Returns
    -------
    int or None
        The same on every machine and in every run; None without a limit.

    Raises
    ------
    InputError
        Not even one k point fits.
    """
    if memory_per_rank is None:
        return None
    summed, row = _bytes_of_sums(values, evaluation.merges)
    sums = summed * _nodes_held(2**15, 1)
    left = memory_per_rank - _interpreter() - sums
    working = _working(evaluation)
    if not left >= working:
        raise InputError(
            "memory_per_rank",
            f"at least {_size(_interpreter() + sums + working)} (Python and libraries "
            f"{_size(_interpreter())}, sums {_size(sums)}, one k point {_size(working)})",
            _size(memory_per_rank),
        )
    # powers of two, so that small changes of the limit leave the result's bits alone
    return 1 << int(min(left, _ALL_MEMORY) // working).bit_length() - 1


def _interpreter():
    return _INTERPRETER + (_COMPILER if compiled.enabled() else 0)


def _matrices(evaluation):
    return evaluation.interpolator.nbytes if evaluation.interpolator is not None else 0


def _preparation(evaluation):
    return evaluation.interpolator.preparation_nbytes if evaluation.interpolator is not None else 0


def _working(evaluation):
    """Bytes of work per k point; a Data_K of other kinds is assumed to be like that of a system with all matrices."""
    if evaluation.interpolator is not None:
        return working_bytes_per_kpoint(evaluation.interpolator)
    return 16 * 300 * evaluation.system.num_wann**2


def bytes_of_total(values, merges, number_of_kpoints: int) -> int:
    """Bytes of what a pass adds up, and of its tables.

    Parameters
    ----------
    values : dict of arrays
        Of one k point.
    merges : mapping of str to Merge
    number_of_kpoints : int
    """
    summed, row = _bytes_of_sums(values, merges)
    return summed + row * number_of_kpoints


def _bytes_of_sums(values, merges):
    """Bytes of what adds up, and of the row of a k point in tables."""
    rows = {name: array for name, array in values.items() if merges[name].grows}
    return nbytes(values) - nbytes(rows), nbytes(rows)


def _nodes_held(number, ranks):
    """Sums that a rank holds at most, about: one of each grant, those of the grant in work, the batch and what comes in."""
    todo = grants(number, missing(number, []), ranks)
    return -(-len(todo) // ranks) + max(level for level, _ in todo) + 2


def _size(size):
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
