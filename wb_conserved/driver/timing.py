"""How long a run will take, from some of its chunks, which lie everywhere in the mesh.

All ranks are at work at the same time, as they will be, each on chunks of its own, for seconds: a rank that shares its core
with others, or k points that take longer than others, are in the mean as they will be in the run.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.grid import Grid, exclude_equiv_points

from .evaluation import CRITERIA, Evaluation
from .mesh import Mesh
from .summation import Values, add

_BUDGET = 1.5
"""Seconds of a pass."""
_GROWTH = 1 / 3


@dataclass(frozen=True)
class Timing:
    """Times of a rank, with all of them at work.

    Attributes
    ----------
    per_kpoint : float
        Seconds of all passes.
    per_further : float
        Seconds of a k point that refinement adds.
    further : int
        K points that refinement adds, about.
    divided : int
        Chunks of an iteration of refinement, about.
    end : float
        Seconds after the last k point.
    share : float
        Processor time over time: below 1 where other programs were at work too.
    """

    per_kpoint: float
    per_further: float
    further: int
    divided: int
    end: float
    share: float


@dataclass
class _Sample:
    """Some chunks of a mesh that a rank evaluated."""

    seconds: float = 0.0
    kpoints: int = 0
    weight: float = 0.0
    processor: float = 0.0
    values: Values | None = None
    chunks: list[int] | None = None
    criteria: list[np.ndarray] | None = None


def measure(task, communicator, check=lambda: None) -> Timing:
    """Evaluate a part of each pass of a task; collective.

    Parameters
    ----------
    task : Task
    communicator
    check : callable
        Called after each chunk; raises what is to end the work.
    """
    iterations, per_kpoint, end, last = task.iterations, 0.0, 0.0, len(task.evaluations) - 1
    share, per_further, further, divided = 1.0, 0.0, 0, 0
    known: dict[str, Any] = {}
    for number, evaluation in enumerate(task.evaluations):
        if number:  # what is known of the passes before is of more k points than in the task
            evaluation = task.informed(number, known, provisional=True)
        refined = iterations > 0 and number == last
        sample = _evaluate(evaluation, task.mesh, communicator, refined, check)
        rates, shares = zip(
            *communicator.allgather((sample.kpoints / sample.seconds, sample.processor / sample.seconds)), strict=True
        )
        mean = len(rates) / sum(rates)  # fast ranks take more chunks
        per_kpoint, share = per_kpoint + mean, min(share, *shares)
        seconds, found = _end(evaluation, task, sample, last=number == last)
        if refined:
            per_further, seconds = mean, seconds * (1 + iterations)
            found = communicator.allgather((sample.chunks, sample.criteria))
            first, divided = _refined(task, found)
            of_a_chunk = task.mesh.number_of_kpoints // task.mesh.number_of_chunks
            further = (first + (iterations - 1) * divided) * of_a_chunk
        end += seconds
        if number < last:
            known |= found
    end = communicator.bcast(end)
    return Timing(per_kpoint, per_further, further, divided, end, share)


def _evaluate(evaluation: Evaluation, mesh: Mesh, communicator, criteria: bool, check) -> _Sample:
    """Chunks of this rank, one after the other, until the time is over or all have been taken."""
    number, ranks = mesh.number_of_chunks, communicator.size
    step = max(1, round(0.618 * number))
    while math.gcd(step, number) > 1:
        step += 1
    start = time.perf_counter()
    evaluation.chunk(mesh.chunk(communicator.rank * step % number)[:1])  # of which the first takes longer
    most = max(1, int(_BUDGET / (time.perf_counter() - start)))
    sample = _Sample(chunks=[], criteria=[])
    communicator.allgather(None)
    for turn in range(communicator.rank, max(number, ranks), ranks):
        chunk = turn * step % number
        start, processor = time.perf_counter(), time.process_time()
        batches = mesh.chunk(chunk) if criteria else mesh.chunk(chunk)[:most]
        values = evaluation.chunk(batches, criteria=criteria)
        row = values.pop(CRITERIA, None)
        sample.values = values if sample.values is None else add(sample.values, values, evaluation.merges)
        sample.seconds += time.perf_counter() - start
        sample.processor += time.process_time() - processor
        sample.kpoints += sum(len(batch.kpoints) for batch in batches)
        sample.weight += sum(batch.weight for batch in batches)
        sample.chunks.append(chunk)
        check()
        sample.criteria.append(row)
        if sample.seconds > _BUDGET:
            break
    return sample


def _end(evaluation, task, sample, last):
    """Seconds from the sums of a pass to its results, and these."""
    kpoints, merges = task.mesh.number_of_kpoints, evaluation.merges
    values = {name: value / sample.weight if merges[name].adds else value for name, value in sample.values.items()}
    sums = [name for name, part in evaluation.parts.items() if not any(merge.grows for merge in part.merges.values())]
    tables = [name for name in evaluation.parts if name not in sums]
    seconds, found = _timed(lambda: evaluation.finish(values, sums))
    if tables:
        of_sample, others = _timed(lambda: evaluation.finish(values, tables))
        seconds, found = seconds + of_sample * kpoints / sample.kpoints, found | others
    if last and not (task.iterations or task.path):
        seconds += _timed(lambda: evaluation.scatters(values, kpoints))[0]
    return seconds, found


def _timed(work):
    """Seconds that some work takes, and its result."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def _refined(task, found):
    """K points that the first iteration of refinement evaluates, and about how many a later one does.

    The first divides what it would among the K points of the samples.  Later ones divide others for each criterion, more and
    more: between the first number and the largest possible one, as was found for several systems (to a factor of two).
    """
    rows = {chunk: row[0] for chunks, criteria in found for chunk, row in zip(chunks, criteria, strict=True)}
    options, periodic = task.options, np.asarray(task.system.periodic, bool)
    Kpoints = {chunk: task.mesh.batch(task.mesh.chunk_size * chunk).Kpoint for chunk in rows}
    largest = {chunk: Kpoints[chunk].factor * row for chunk, row in rows.items()}
    places = sorted(largest)  # as equal ones are divided in this order
    selected = set()
    for column in np.array([largest[place] for place in places]).T:
        selected |= set(np.argsort(column)[-options.adpt_fac :].tolist())
    parts: list = []
    for place in selected:
        Kpoint = copy.deepcopy(Kpoints[places[place]])
        parts += Kpoint.divide(ndiv=options.adpt_mesh.copy(), periodic=periodic, use_symmetry=options.use_irred_kpt)
    if options.use_irred_kpt and isinstance(task.grid, Grid):
        exclude_equiv_points(parts)
    first = len(selected) + len(parts)  # the contributions of the divided go
    criteria = options.adpt_fac * len(next(iter(rows.values())))
    largest_number = criteria * (1 + int(np.prod(options.adpt_mesh[periodic])))
    return first, round(first * (largest_number / first) ** _GROWTH)
