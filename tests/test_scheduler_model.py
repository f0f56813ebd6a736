"""The model of the scheduler on cases with known answers."""

import time

import numpy as np
import pytest
from benchmarks.scheduler_model import Costs, draw, efficiency, over_network, simulate


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("number", [1, 5, 64, 1000])
def test_equal_chunks_that_cost_nothing_else(ranks, number):
    """The last rank has at most one chunk more than the others, as the last grants are single chunks."""
    found = simulate(np.full(number, 0.5), ranks)
    rounds = -(-number // ranks)
    assert found.seconds == pytest.approx(0.5 * rounds)
    assert found.busy.sum() == pytest.approx(0.5 * number)
    assert efficiency(np.full(number, 0.5), ranks) == pytest.approx(number / (ranks * rounds))


def test_one_rank_is_the_sum():
    chunks = np.random.default_rng(0).uniform(size=100)
    costs = Costs(start=3.0, write=0.01, counter=1.0, message=1.0, collective=1.0, node=1.0, add=1.0)
    found = simulate(chunks, 1, costs)
    assert found.seconds == pytest.approx(3.0 + chunks.sum() + 100 * 0.01)
    assert found.busy[0] == pytest.approx(chunks.sum() + 100 * 0.01)
    assert found.reduction == 0.0
    assert efficiency(chunks, 1, costs) == 1.0


def test_every_bound_of_list_scheduling():
    """No rank is idle while chunks are left, so the end is within one grant of the mean."""
    chunks = np.random.default_rng(0).exponential(size=3000)
    for ranks in (2, 5, 48):
        found = simulate(chunks, ranks)
        assert chunks.sum() / ranks <= found.seconds <= chunks.sum() / ranks + chunks.max()
        assert found.busy.sum() == pytest.approx(chunks.sum())


def test_more_ranks_than_chunks():
    found = simulate([1.0, 3.0, 2.0], 8)
    assert found.seconds == 3.0
    assert sorted(found.busy) == [0, 0, 0, 0, 0, 1, 2, 3]
    assert found.requests == 3


def test_slow_ranks_get_less():
    """Twice as slow: one third of the chunks on the slow one of two."""
    found = simulate(np.ones(3000), 2, slowness=[1.0, 2.0])
    np.testing.assert_allclose(found.busy, 2000, atol=2)


def test_requests_wait_for_the_counter():
    """One at a time: rank r of the first round gets its chunk after r + 1 services, and hears of the end in its turn."""
    found = simulate(np.full(4, 10.0), 4, Costs(counter=1.0, service=1.0))
    assert found.loop == 4 + 10 + 1
    assert simulate(np.full(4, 10.0), 4, Costs(counter=1.0)).loop == 1 + 10 + 1


def test_rank_0_answers_between_its_parts_only():
    """Rank 1 asks again after 1 s, while rank 0 is at a chunk of 8 s in halves: it hears after 4 s, and after 8 s."""
    chunks = [8.0] + [1.0] * 7
    assert simulate(chunks, 2).loop == 8.0
    found = simulate(chunks, 2, Costs(parts=2))
    assert found.busy.tolist() == [8 + 3, 2 + 2]  # the second 2 and the 3 after 8 s; rank 0 hears of the end at once
    assert found.loop == 11
    assert simulate(chunks, 2, Costs(parts=1000)).loop < 8.1


def test_stored_chunks():
    costs = Costs(write=0.25)
    assert simulate(np.ones(16), 4, costs).seconds == pytest.approx(4 * 1.25)
    # a file system that stores one at a time is busy from the end of the first chunk on
    assert simulate(np.ones(16), 16, replace_files(costs)).seconds == pytest.approx(1 + 16 * 0.25)


def replace_files(costs):
    return Costs(write=costs.write, files=costs.write)


def test_reduction_of_single_chunks():
    """One chunk each on 8 ranks: three levels, each a message and a sum; and the result to all in three steps."""
    costs = Costs(message=1.0, add=0.1)
    found = simulate(np.ones(8), 8, costs)
    assert found.reduction == pytest.approx(3 * 1.1)
    assert found.seconds == pytest.approx(1 + 3 * 1.1 + 3 * 1.0)


def test_ranks_that_hold_neighbours_send_less():
    """Few messages: a grant is one node of the tree, and those of a rank become one where they are neighbours."""
    found = simulate(np.ones(1024), 2, Costs(message=1.0))
    assert 1 <= found.reduction <= found.requests < 64


def test_start_and_accounts():
    costs = Costs(start=5.0, node=0.01, collective=0.5)
    found = simulate(np.ones(4), 4, costs)
    assert found.seconds == pytest.approx(5 + 1 + 2 * 0.5 + 4 * 0.01 + 2 * 0.5)


def test_network():
    costs = over_network(Costs(counter=1.0, message=2.0), 0.1, 100.0, 50)
    assert (costs.counter, costs.message, costs.collective) == (pytest.approx(1.2), pytest.approx(2.9), 0.1)


def test_drawn_chunks():
    drawn = draw([1.0, 3.0], 10_000, 2.5)
    assert drawn.mean() == pytest.approx(5.0, rel=0.01)
    assert set(np.unique(drawn)) <= {2.5, 4.5, 6.5, 3.5, 5.5, 7.5}


def test_large_runs_take_seconds():
    start = time.process_time()
    found = simulate(draw([0.9, 1.1], 2**15, 1.0), 4096, Costs(counter=1e-5, service=1e-6, write=0.01, message=1e-4))
    assert time.process_time() - start < 60
    assert found.busy.sum() / (4096 * found.seconds) > 0.8
