"""The time that is told beforehand: what is measured, with a clock of its own; real times are in benchmarks/estimate.py."""

import copy

import numpy as np
import pytest

from wb_conserved import compiled, run
from wb_conserved.calculators import static
from wb_conserved.driver import timing
from wb_conserved.driver.evaluation import Evaluation
from wb_conserved.driver.run import estimate
from wb_conserved.models import random_model

MESH = (24, 24, 24)
CUBIC = ["C4z", "C4x", "Inversion", "TimeReversal"]


class Clock:
    """Time that only chunks take: `cost` of each of their k points."""

    def __init__(self, cost):
        self.cost, self.now, self.processor, self.share, self.calls = cost, 0.0, 0.0, 1.0, 0

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.processor

    def spend(self, seconds):
        self.now += seconds
        self.processor += self.share * seconds
        self.calls += 1


@pytest.fixture
def clock(monkeypatch):
    """Costs that grow along the mesh, by a factor of 20."""
    clock, chunk = Clock(lambda kpoints: np.sum(1.0 + 19.0 * kpoints[:, 0]) * 4e-5), Evaluation.chunk

    def timed(self, batches, *arguments, **options):
        clock.spend(sum(clock.cost(batch.kpoints) for batch in batches))
        return chunk(self, batches, *arguments, **options)

    monkeypatch.setattr(Evaluation, "chunk", timed)
    monkeypatch.setattr(timing, "time", clock)
    return clock


def calculators():
    return {"σ": static.ConventionalSpinConductivity([0.0, 0.3], kBT=0.1, degen_thresh=1e-3)}


def real(clock, system, mesh, **options):
    """Seconds that the k points of a run take."""
    before = clock.now
    run(system, mesh, calculators(), **options)
    return clock.now - before


def test_mean_of_k_points_everywhere(clock):
    """Also of those that take long, where there is time for some of them only."""
    system = random_model(4, seed=1)
    plan = estimate(system, MESH, calculators())
    told = plan.kpoints * plan.timing.per_kpoint
    assert clock.calls < plan.chunks / 2  # not all of them
    assert told == pytest.approx(real(clock, system, MESH), rel=0.15)
    assert plan.core_seconds == pytest.approx(told)
    assert plan.seconds == pytest.approx(told + plan.besides)


def test_a_small_job_is_measured_as_a_whole(clock):
    system = random_model(4, seed=1)
    plan = estimate(system, (2, 2, 4), calculators())
    assert plan.kpoints * plan.timing.per_kpoint == pytest.approx(real(clock, system, (2, 2, 4)), rel=0.02 + 1 / 16)


def test_chunks_that_take_minutes_are_not_finished(clock, monkeypatch):
    """Some batches of a chunk stand for it."""
    clock.cost = lambda kpoints: 10.0 * len(kpoints)
    batches, chunk = [], Evaluation.chunk
    monkeypatch.setattr(Evaluation, "chunk", lambda self, some, **options: batches.append(len(some)) or chunk(self, some))
    plan = estimate(random_model(4, seed=1), (64, 64, 64), calculators())
    assert plan.timing.per_kpoint == pytest.approx(10.0)
    assert set(batches) == {1}
    assert len(batches) == 3  # one to prepare, one to warm up, one that counts


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_other_programs_are_said(clock, share):
    clock.share = share
    plan = estimate(random_model(4, seed=1), MESH, calculators())
    assert plan.timing.share == pytest.approx(share)
    assert ("other programs took 60 % of the time meanwhile: about" in str(plan)) == (share == 0.4)


@pytest.mark.parametrize(("iterations", "parts", "tolerance"), [(1, 2, 0.0), (1, 3, 0.0), (4, 2, 0.8)])
@pytest.mark.parametrize("fac", [1, 3])
def test_k_points_of_refinement(platinum, fac, iterations, parts, tolerance):
    """Exactly those of the first iteration, as all K points are in the sample, and those of later ones to a factor of two."""
    system = copy.copy(platinum)
    system.set_pointgroup(CUBIC)
    options = {"adpt_fac": fac, "adpt_mesh": parts, "adpt_num_iter": iterations}
    asked = {"σ": static.ConventionalSpinConductivity([17.0, 18.0], kBT=0.1, degen_thresh=0.01)}
    plan, done = (work(system, 12, asked, **options) for work in (estimate, run))
    assert plan.timing.further == pytest.approx(done.number_of_k_points - plan.kpoints, rel=tolerance)
    assert f"and about {plan.timing.further} by refinement" in str(plan)


def test_time_of_compiling_is_known():
    """A run finds what the dry run has compiled."""
    numba = pytest.importorskip("numba")
    if not compiled.enabled():
        pytest.skip("without compiled kernels")
    from wb_conserved.compiled import lanes  # noqa: F401

    before = compiled.seconds()

    @numba.njit
    def outer(x):
        return inner(x) + 1.0

    @numba.njit
    def inner(x):
        return x * x

    assert outer(2.0) == 5.0
    first = compiled.seconds()
    assert first > before
    assert outer(3.0) == 10.0
    assert compiled.seconds() == first
