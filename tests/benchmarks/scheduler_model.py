"""Discrete-event model of the scheduler: efficiency on 1 to 4096 ranks, from measured times of chunks and messages.

    python tests/benchmarks/scheduler_model.py [--repeat 3] [--system platinum] [--mpirun "mpirun -options"]

The model takes the grants that the driver would hand out, the tree that it would sum by and the ranks that would hold its
parts; only the times are simulated.  They are measured first: chunks, with two processes side by side; the round trip of
the counter; a sum sent to another rank, added, stored.  What a network adds is assumed, and printed.  Then the model is
compared with runs on 1 and 2 ranks, and asked for more.

Efficiency on P ranks is T(1) / (P T(P)), T the time of `wb_conserved.run`.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np

from wb_conserved.driver.schedule import grants, missing
from wb_conserved.driver.summation import PartialSums, chunks_of, root


@dataclass(frozen=True)
class Costs:
    """What is not the work on chunks, in seconds.

    Attributes
    ----------
    start : float
        Before the first chunk and after the last, on every rank alike: not shared.
    counter : float
        Round trip of a request for a grant.
    service : float
        Part of it during which the counter answers no other rank.
    parts : int or None
        Rank 0 answers only after each of so many parts of its chunk (an MPI library without one-sided operations in
        hardware); None: at any time.
    write : float
        Storing a finished chunk.
    files : float
        Part of it during which the file system, shared by all ranks, serves no other rank.
    message : float
        Sending a sum to another rank.
    add : float
        Adding it.
    collective : float
        Collective operations of all ranks, for each doubling of their number.
    node : float
        Every rank's account of one node of the tree that some rank holds.
    """

    start: float = 0.0
    counter: float = 0.0
    service: float = 0.0
    parts: int | None = None
    write: float = 0.0
    files: float = 0.0
    message: float = 0.0
    add: float = 0.0
    collective: float = 0.0
    node: float = 0.0


@dataclass(frozen=True)
class Simulated:
    """Times of a simulated run in seconds.

    Attributes
    ----------
    seconds : float
        Of the whole.
    loop : float
        Until the last rank has finished its last chunk.
    reduction : float
        From then until the sum is on rank 0.
    busy : array (ranks)
        On chunks, with storing them.
    requests : int
        Grants handed out.
    """

    seconds: float
    loop: float
    reduction: float
    busy: np.ndarray
    requests: int


def simulate(chunk_seconds, ranks: int, costs: Costs | None = None, slowness=None) -> Simulated:
    """Simulate a run.

    Parameters
    ----------
    chunk_seconds : float array (chunks)
        Work on every chunk.
    ranks : int
    costs : Costs, optional
        None by default.
    slowness : float array (ranks), optional
        Factors of the times of chunks.
    """
    costs = costs or Costs()
    number = len(chunk_seconds)
    slowness = np.ones(ranks) if slowness is None else np.asarray(slowness, float)
    todo = grants(number, missing(number, []), ranks)
    finish, busy, holders, requests = _k_loop(np.asarray(chunk_seconds, float).tolist(), todo, slowness, costs)
    loop = max(finish)
    doublings = math.ceil(math.log2(ranks))
    accounts = len(holders) * costs.node if ranks > 1 else 0.0
    begin = loop + doublings * costs.collective + accounts
    summed = _reduce(number, holders, [begin] * ranks, costs)
    # the result goes to all ranks
    end = summed + doublings * (costs.message + costs.collective)
    return Simulated(costs.start + end, loop, summed - loop, np.array(busy), requests)


def _k_loop(chunk_seconds, todo, slowness, costs):
    """When every rank learns that there is no more to do, its time on chunks, who holds what, and the requests."""
    number, ranks = len(chunk_seconds), len(slowness)
    sums = [PartialSums(number, {}) for _ in range(ranks)]
    queue = [iter(()) for _ in range(ranks)]  # chunks granted, not yet begun
    finish, busy = [0.0] * ranks, [0.0] * ranks
    served = files_free = 0.0  # until when the counter and the file system are busy
    first_rank = (0.0, 0.0)  # begin and length of the chunk of rank 0
    turn = 0
    events = [(0.0, rank, False) for rank in range(ranks)]  # when, who, and whether a chunk is to be stored
    while events:
        now, rank, computed = heapq.heappop(events)
        if computed and costs.write > 0:
            files_free = max(files_free, now) + costs.files
            later = max(now + costs.write, files_free)
            busy[rank] += later - now
            heapq.heappush(events, (later, rank, False))
            continue
        chunk = next(queue[rank], None)
        if chunk is None:
            arrival = now
            if costs.parts and rank > 0 and first_rank[1] > 0 and now < sum(first_rank):
                part = first_rank[1] / costs.parts
                arrival = first_rank[0] + math.ceil((now - first_rank[0]) / part) * part
            served = max(served, arrival) + costs.service
            now = max(arrival + costs.counter, served) if ranks > 1 else now
            if turn == len(todo):
                finish[rank] = now
                continue
            node, turn = todo[turn], turn + 1
            sums[rank].insert(node, {})
            granted = chunks_of(node, number)
            queue[rank], chunk = iter(granted[1:]), granted[0]
        length = chunk_seconds[chunk] * slowness[rank]
        busy[rank] += length
        if rank == 0:
            first_rank = (now, length)
        heapq.heappush(events, (now + length, rank, True))
    holders = {node: rank for rank, part in enumerate(sums) for node in part.nodes}
    return finish, busy, holders, turn


def _reduce(number, holders, clocks, costs):
    """When rank 0 has the sum: neighbours meet on the rank of the first one, in the order of `PartialSums.reduce`."""
    top = root(number)
    levels = [[] for _ in range(top[0] + 1)]
    for node in holders:
        levels[node[0]].append(node)
    for level in range(top[0]):
        for node in sorted(levels[level]):
            index = node[1]
            if index % 2:
                continue
            holder, source = holders.pop(node), holders.pop((level, index + 1), None)
            if source is not None:
                _meet(clocks, holder, source, costs)
                clocks[holder] += costs.add
            holders[level + 1, index // 2] = holder
            levels[level + 1].append((level + 1, index // 2))
    _meet(clocks, 0, holders[top], costs)
    return clocks[0]


def _meet(clocks, one, other, costs):
    """Two ranks wait for each other, and one sends."""
    if one != other:
        clocks[one] = clocks[other] = max(clocks[one], clocks[other]) + costs.message


def efficiency(chunk_seconds, ranks: int, costs: Costs | None = None, slowness=None) -> float:
    """T(1) / (P T(P)); against the mean speed where ranks differ in it."""
    serial = simulate(chunk_seconds, 1, costs).seconds
    speed = 1.0 if slowness is None else float(np.mean(1 / np.asarray(slowness)))
    return serial / (ranks * speed * simulate(chunk_seconds, ranks, costs, slowness).seconds)


def draw(measured, number: int, chunks_in_one: float, seed: int = 0) -> np.ndarray:
    """Times of chunks, each as long as several measured ones drawn at random."""
    random, measured = np.random.default_rng(seed), np.asarray(measured)
    whole, rest = divmod(chunks_in_one, 1)
    drawn = np.zeros(number)
    for _ in range(int(whole)):
        drawn += random.choice(measured, number)
    return drawn + rest * random.choice(measured, number)


# --- measurements ------------------------------------------------------------------------------------------------------


def measure_costs(order):
    """On two ranks: seconds of the counter, of a sum sent, added and stored, and of the account of a node."""
    import json
    import tempfile
    import time
    from pathlib import Path

    from mpi4py import MPI
    from scaling import load, make_calculators

    import wb_conserved
    from wb_conserved.calculators.contract import SUM
    from wb_conserved.driver import summation
    from wb_conserved.driver.checkpoint import IterationFolder, write_file
    from wb_conserved.driver.evaluation import Evaluation
    from wb_conserved.driver.schedule import Counter

    comm = MPI.COMM_WORLD
    chunk, kept = Evaluation.chunk, []

    def keeping(*arguments, **options):
        kept[:] = [chunk(*arguments, **options)]
        return kept[0]

    Evaluation.chunk = keeping
    wb_conserved.run(load(order["stored"], order["multiples"]), 2, make_calculators())
    values = kept[0]

    def timed(task, times=30):
        found = []
        for _ in range(times):
            comm.Barrier()
            start = time.perf_counter()
            task()
            found.append(time.perf_counter() - start)
        return float(np.median(found))

    costs = {"bytes": summation.nbytes(values)}
    counter = Counter(comm)
    costs["counter"] = timed(lambda: [counter.next() for _ in range(100)]) / 100
    comm.Barrier()
    start = time.perf_counter()
    while comm.rank == 0 and time.perf_counter() < start + 1.0:  # no MPI here
        pass
    if comm.rank == 1:
        time.sleep(0.2)
        begin = time.perf_counter()
        counter.next()
        costs["while rank 0 works"] = time.perf_counter() - begin
    comm.Barrier()
    counter.free()

    def there_and_back():
        there = summation._move(values if comm.rank == 0 else None, 0, 1, comm)
        summation._move(there, 1, 0, comm)

    costs["message"] = timed(there_and_back) / 2
    costs["collective"] = timed(lambda: comm.allgather([(0, 0)] * 6))
    copy = {name: array.copy() for name, array in values.items()}
    costs["add"] = timed(lambda: summation.add(copy, values, dict.fromkeys(values, SUM)))
    with tempfile.TemporaryDirectory(dir=order["meeting"]) as folder:
        write_file(Path(folder) / "checkpoint.json", b"{}")
        iteration, numbers = IterationFolder(Path(folder), "iteration-0000", ""), iter(range(2, 1000))

        def write():  # as in the loop, where each sum but the first replaces one, in the mean
            index = next(numbers)
            iteration.write((0, index), values, [(0, index - 1)])

        costs["write"] = timed(write)
    # every rank accounts for every node that any rank holds
    nodes = {(0, i): i % 64 for i in range(4096)}
    silent = type("Silent", (), {"rank": -1})()
    sums = PartialSums(len(nodes), {})

    def account():
        holders, top = dict(nodes), root(len(nodes))
        for level in range(top[0]):
            for node in sorted(node for node in holders if node[0] == level):
                sums._merge(node, holders, silent)

    costs["node"] = timed(account, 5) / len(nodes)
    costs = comm.gather(costs)
    if comm.rank == 0:
        found = costs[0] | {"while rank 0 works": costs[1]["while rank 0 works"]}
        Path(order["meeting"], "costs.json").write_text(json.dumps(found), encoding="utf-8")


def machine_costs(order, mpirun):
    """`measure_costs` under a launcher."""
    import json
    import os
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from scaling import LAUNCHERS

    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    with tempfile.TemporaryDirectory() as meeting:
        command = [*mpirun, "-n", "2", sys.executable, __file__, "--order", json.dumps(order | {"meeting": meeting})]
        subprocess.run(command, check=True, env=kept | {"OMP_NUM_THREADS": "1"}, timeout=300)
        return json.loads(Path(meeting, "costs.json").read_text(encoding="utf-8"))


def list_of_kpoints(system, mesh):
    """The driver's mesh, and the seconds that it takes to list WannierBerri's K points, on every rank."""
    import time

    from wb_conserved import regular_grid
    from wb_conserved.driver.kpoints import kpoints_of_grid
    from wb_conserved.driver.mesh import Mesh

    start = time.perf_counter()
    grid = regular_grid(system, mesh)
    return Mesh(grid, kpoints_of_grid(grid, use_symmetry=True), system.num_wann), time.perf_counter() - start


def least_disturbed(measured):
    """Times of chunks of the measurement that was least disturbed."""
    return min(measured, key=lambda one: one["seconds"])["chunks"][0]


NETWORKS = {
    "shared memory (measured)": (0.0, np.inf),
    "assumed: 5 µs, 5 GB/s": (5e-6, 5e9),
    "assumed: 50 µs, 1 GB/s": (50e-6, 1e9),
}
"""Seconds that a network adds to a message, and bytes per second."""


def over_network(costs: Costs, latency: float, bandwidth: float, size: int) -> Costs:
    """Costs with a network: a sum is four messages, a request two, a collective operation one per doubling."""
    return replace(
        costs,
        counter=costs.counter + 2 * latency,
        message=costs.message + 4 * latency + size / bandwidth,
        collective=costs.collective + latency,
    )


def main():
    import argparse
    import json
    import shlex
    import sys
    import tempfile
    import time
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--patience", type=float, default=60, help="longest wait for an idle machine, in seconds")
    parser.add_argument("--system", choices=["platinum", "cell72"], default="platinum")
    parser.add_argument("--mesh", type=int, default=464, help="big mesh: this number of k points to the third power")
    parser.add_argument("--mpirun", default=str(Path(sys.executable).parent / "mpirun"), help="launcher with options")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.order:
        measure_costs(json.loads(options.order))
        return
    from scaling import SYSTEMS, in_turns, load, shortest, store_platinum

    mpirun = shlex.split(options.mpirun)
    with tempfile.TemporaryDirectory() as folder:
        multiples, mesh = SYSTEMS[options.system]
        order = {"stored": store_platinum(folder), "multiples": multiples, "mesh": mesh}
        found = machine_costs(order, mpirun)
        kinds = {
            "one serial process": {"order": order},
            "two serial, side by side": {"order": order, "processes": 2},
            "two ranks": {"order": order, "ranks": 2, "mpirun": mpirun},
        }
        measured = in_turns(kinds, options.repeat, options.patience)
        system = load(order["stored"], multiples)

    names = ("counter", "message", "collective", "add", "node")
    start = shortest(measured["one serial process"], "outside")
    costs = Costs(start=start, **{name: found[name] for name in names})
    print(f"\n{options.system}, measured:")
    print(f"  sum of {found['bytes'] / 1e3:.0f} kB; {start:.3f} s outside of the loop")
    for name in (*names, "write"):
        print(f"  {name:12s} {1e6 * found[name]:9.1f} µs")
    late = found["while rank 0 works"] > 0.1
    print(f"  rank 0 answers {'only when it calls MPI' if late else 'while it works'}")

    print("\npredicted and measured:")
    beside = shortest(measured["two serial, side by side"], "chunks")
    cases = ((1, "one serial process", shortest(measured["one serial process"], "chunks")), (2, "two ranks", beside))
    for ranks, kind, chunks in cases:
        label = f"  {ranks} rank{'s' * (ranks > 1)}"
        predicted = simulate(chunks, ranks, costs).seconds
        found_chunks, outside = shortest(measured[kind], "chunks"), shortest(measured[kind], "outside")
        real = sum(found_chunks) / ranks + outside
        print(
            f"{label}, shortest times, chunks from other runs: predicted {predicted:7.2f} s, measured {real:7.2f} s "
            f"({predicted / real - 1:+.1%})"
        )
        for one in measured[kind]:
            predicted = simulate(one["chunks"][0], ranks, costs).seconds
            print(
                f"{label}, chunks of the run itself:               predicted {predicted:7.2f} s, measured "
                f"{one['seconds']:7.2f} s ({predicted / one['seconds'] - 1:+.1%})"
            )

    per_chunk = int(np.prod(mesh)) / len(beside)
    pool = least_disturbed(measured["two serial, side by side"])
    small = [n * 2 for n in mesh]
    for label, points in (("big", [options.mesh // n for n in multiples]), ("small", small)):
        big, listing = list_of_kpoints(system, points)
        chunks = draw(pool, big.number_of_chunks, big.number_of_kpoints / big.number_of_chunks / per_chunk)
        base = replace(costs, start=costs.start + listing)
        batches = -(-big.number_of_batches // big.number_of_chunks)
        print(
            f"\n{label} mesh {points}: {big.number_of_kpoints} k points in {big.number_of_chunks} chunks of "
            f"{np.mean(chunks):.2f} s ({np.std(chunks) / np.mean(chunks):.0%}), {chunks.sum() / 3600:.2f} core hours, K points "
            f"listed in {listing:.2f} s"
        )
        cases = {name: over_network(base, *network, found["bytes"]) for name, network in NETWORKS.items()}
        ethernet = cases["assumed: 50 µs, 1 GB/s"]
        cases["same, rank 0 answers between batches"] = replace(ethernet, parts=batches)
        cases["same, with checkpoint"] = replace(ethernet, parts=batches, write=found["write"])
        cases["same, 5000 files per second"] = replace(ethernet, parts=batches, write=found["write"], files=1 / 5000)
        numbers = [2**i for i in range(13)]
        print("  ranks" + " " * 36 + "".join(f"{number:7d}" for number in numbers))
        begin = time.perf_counter()
        for name, case in cases.items():
            # against one rank without any of this
            serial = simulate(chunks, 1, base).seconds
            row = [serial / (ranks * simulate(chunks, ranks, case).seconds) for ranks in numbers]
            print(f"  {name:40s} " + "".join(f"{value:7.3f}" for value in row), flush=True)
        spread = np.random.default_rng(1).uniform(1.0, 1.2, numbers[-1])
        row = [efficiency(chunks, ranks, ethernet, spread[:ranks]) for ranks in numbers]
        print(f"  {'50 µs, 1 GB/s, ranks up to 20 % slower':40s} " + "".join(f"{value:7.3f}" for value in row))
        print(f"  ({time.perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
