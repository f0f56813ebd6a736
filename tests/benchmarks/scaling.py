"""Strong scaling: one job on two MPI ranks against two serial processes, side by side, that each do the whole of it.

    python tests/benchmarks/scaling.py [--repeat 5] [--systems platinum cell72] [--threads]

What two processes on one machine reach together is less than twice one process alone (memory, cache, clock), and no
fault of the scheduling.  So the efficiency is

    (mean time of the two serial processes) / (2 × time of mpirun -n 2),

for the call of `wb_conserved.run`, and for the whole process with imports and loading.  Kinds of run take turns.
"others" is the share of all cores that went to other processes or other virtual machines during a measurement; the
medians leave out measurements with more than a few per cent of it, if there are any without.  Where there are not, look at
the line "shortest": the same ratio, with the shortest time of every chunk of the mesh, and outside of chunks, over the
measurements of a kind.

With --threads: ranks × threads of the linear algebra, 1 × 1, 2 × 1, 1 × 2 and 2 × 2, on two cores.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "SLURM_", "MPI_", "HYDRA_", "MPIEXEC_")
SYSTEMS = {"platinum": ((1, 1, 1), (60, 60, 60)), "cell72": ((2, 2, 1), (16, 16, 20))}
"""Multiples of the cell of platinum, and mesh."""

_FEW_PER_CENT = 0.04


def load(stored, multiples):
    """Platinum, or a supercell of it."""
    import wb_conserved
    from wb_conserved import models

    system = wb_conserved.load_system(stored)
    return system if tuple(multiples) == (1, 1, 1) else models.supercell(system, multiples)


def make_calculators():
    """σ_K and the conventional conductivity at 201 Fermi levels."""
    import numpy as np

    from wb_conserved.calculators import static

    options = {"Efermi": np.linspace(17.0, 19.0, 201), "kBT": 0.025, "degen_thresh": 0.01}
    return {
        "kubo": static.KuboConservedSpinConductivity(**options),
        "conventional": static.ConventionalSpinConductivity(**options),
    }


def work(order):
    """What a process of the job does: load, wait for the others, run, and write times to a file."""
    import wb_conserved
    from wb_conserved.parallel import world

    comm = world()
    system = load(order["stored"], order["multiples"])
    calculators = make_calculators()
    chunks = time_chunks()
    if comm.size > 1:
        comm.Barrier()
    else:
        meet(Path(order["meeting"]), order["processes"])
    result = wb_conserved.run(
        system, order["mesh"], calculators, None if comm.size == 1 else comm, checkpoint=order.get("checkpoint")
    )
    times = comm.allgather(chunks)
    if comm.rank == 0:
        found = {"seconds": result.seconds, "busy": list(result.busy_seconds)}
        found["chunks"] = [seconds for _, seconds in sorted(item for part in times for item in part.items())]
        (Path(order["meeting"]) / f"result-{os.getpid()}.json").write_text(json.dumps(found), encoding="utf-8")


def time_chunks():
    """From now on, fill a dictionary of the seconds of every chunk by its number."""
    from wb_conserved.driver.evaluation import Evaluation
    from wb_conserved.driver.mesh import Mesh

    batches_of, evaluate, chunks, number = Mesh.chunk, Evaluation.chunk, {}, [None]

    def numbered(mesh, index):
        number[0] = index
        return batches_of(mesh, index)

    def timed(*arguments, **options):
        start = time.perf_counter()
        values = evaluate(*arguments, **options)
        if number[0] is not None:  # not before the loop
            chunks[number[0]] = time.perf_counter() - start
        return values

    Mesh.chunk, Evaluation.chunk = numbered, timed
    return chunks


def meet(folder, number):
    """Wait until as many processes are here."""
    (folder / f"here-{os.getpid()}").touch()
    while len(list(folder.glob("here-*"))) < number:
        time.sleep(0.001)


def measure(order, ranks=1, processes=1, threads=1, mpirun=()):
    """Start processes, each on some ranks; their times, and what else the machine did."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    environment = kept | {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as meeting:
        order = order | {"meeting": meeting, "processes": processes}
        launcher = [*mpirun, "-n", str(ranks)] if ranks > 1 else []
        command = [*launcher, sys.executable, __file__, "--order", json.dumps(order)]
        before, start = usage(), time.perf_counter()
        started = [
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        totals = []
        for process in started:
            _, errors = process.communicate()
            totals.append(time.perf_counter() - start)
            if process.returncode != 0:
                raise RuntimeError(errors)
        used, own = (now - then for now, then in zip(usage(), before, strict=True))
        results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(meeting).glob("result-*.json"))]
    return {
        "seconds": mean([result["seconds"] for result in results]),
        "total": mean(totals),
        "busy": [busy for result in results for busy in result["busy"]],
        "chunks": [result["chunks"] for result in results],
        "others": max(0.0, used - own) / (totals[-1] * os.cpu_count()),
    }


def wait_until_idle(patience):
    """Wait until nothing else runs on the machine, or patience is at its end."""
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        before, start = usage()[0], time.perf_counter()
        time.sleep(2)
        if usage()[0] - before < _FEW_PER_CENT * (time.perf_counter() - start) * os.cpu_count():
            return


def usage():
    """Seconds of all cores that were not idle, stolen ones too, and of the children of this process."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except OSError:
        return 0.0, 0.0
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def mean(values):
    return sum(values) / len(values)


def median(values):
    values = sorted(values)
    return mean(values[(len(values) - 1) // 2 : len(values) // 2 + 1])


def undisturbed(measured):
    """Those measurements during which the machine did little else; all where there are none."""
    return [one for one in measured if one["others"] < _FEW_PER_CENT] or measured


def in_turns(kinds, repeat, patience):
    """Measurements of some kinds of run, by name, one of each at a time, on an idle machine if that is soon."""
    measured = {name: [] for name in kinds}
    for turn in range(repeat):
        for name, arguments in list(kinds.items())[:: 1 if turn % 2 == 0 else -1]:
            wait_until_idle(patience)
            one = measure(**arguments)
            measured[name].append(one)
            print(
                f"  {name:24s} run {one['seconds']:7.2f} s, process {one['total']:7.2f} s, others {one['others']:4.0%}",
                flush=True,
            )
    return measured


def scaling(name, order, repeat, mpirun, patience):
    """Table of one system."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "two serial, side by side": {"order": order, "processes": 2},
            "two ranks": {"order": order, "ranks": 2, "mpirun": mpirun},
        }
        measured = in_turns(kinds, repeat, patience)
        stored = []
        for turn in range(repeat):
            arguments = order | {"checkpoint": f"{folder}/{turn}"}
            wait_until_idle(patience)
            stored.append(measure(arguments, ranks=2, mpirun=mpirun))
    turns = list(zip(*measured.values(), strict=True))
    turns = [turn for turn in turns if max(one["others"] for one in turn) < _FEW_PER_CENT] or turns
    serial, parallel = zip(*turns, strict=True)
    print(f"{name}: mesh {order['mesh']}, {len(serial[0]['chunks'][0])} chunks, {len(turns)} turns")
    for what, label in (("seconds", "run"), ("total", "whole process")):
        ours, theirs = median([one[what] for one in parallel]), median([one[what] for one in serial])
        each = sorted(one[what] / (2 * other[what]) for one, other in turns)
        print(
            f"  {label:14s} serial {theirs:7.2f} s   two ranks {ours:7.2f} s   efficiency {theirs / (2 * ours):.3f}  "
            f"({each[0]:.3f} to {each[-1]:.3f})"
        )
    chunks = [shortest(measured[kind], "chunks") for kind in kinds]
    outside = [shortest(measured[kind], "outside") for kind in kinds]
    theirs, ours = (sum(times) + ranks * rest for times, ranks, rest in zip(chunks, (1, 2), outside, strict=True))
    print(
        f"  shortest of {repeat}    chunks {sum(chunks[0]):7.2f} s and {sum(chunks[1]):7.2f} s, outside of them "
        f"{outside[0]:.2f} s and {outside[1]:.2f} s: efficiency {theirs / ours:.3f}"
    )
    with_checkpoint = median([one["seconds"] for one in undisturbed(stored)])
    more = shortest(stored, "outside") - outside[1]
    print(f"  with a checkpoint: two ranks {with_checkpoint:7.2f} s; shortest: {more:.2f} s more outside of chunks")


def shortest(measured, what):
    """Shortest time over repeated measurements: of every chunk, or outside of them, in the mean over processes.

    Chunks are a small part of a second, so that of several runs one finds the machine free.
    """
    if what == "outside":
        return min(one["seconds"] - sum(map(sum, one["chunks"])) / len(one["busy"]) for one in measured)
    return [min(times) for times in zip(*(times for one in measured for times in one["chunks"]), strict=True)]


def threads(name, order, repeat, mpirun, patience):
    """Table of ranks × threads for one system."""
    kinds = {
        f"{ranks} rank{'s' * (ranks > 1)} × {number} thread{'s' * (number > 1)}": {
            "order": order,
            "ranks": ranks,
            "threads": number,
            "mpirun": mpirun,
        }
        for ranks, number in ((1, 1), (2, 1), (1, 2), (2, 2))
    }
    measured = in_turns(kinds, repeat, patience)
    print(f"{name}: mesh {order['mesh']}")
    seconds = {kind: median([one["seconds"] for one in undisturbed(measured[kind])]) for kind in kinds}
    for kind, value in seconds.items():
        print(f"  {kind:24s} {value:7.2f} s   {next(iter(seconds.values())) / value:5.2f} times as fast as one")


def store_platinum(folder):
    """Platinum in a form that loads at once."""
    import wb_conserved

    stored = Path(folder) / "Pt"
    wb_conserved.load_system(DATA / "pt" / "Pt").to_npz(stored)
    return str(stored)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--patience", type=float, default=60, help="longest wait for an idle machine, in seconds")
    parser.add_argument("--threads", action="store_true", help="measure ranks × threads instead")
    parser.add_argument("--mpirun", default=str(Path(sys.executable).parent / "mpirun"), help="launcher with options")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.order:
        work(json.loads(options.order))
        return
    with tempfile.TemporaryDirectory() as folder:
        stored = store_platinum(folder)
        for name in options.systems:
            multiples, mesh = SYSTEMS[name]
            order = {"stored": stored, "multiples": multiples, "mesh": mesh}
            (threads if options.threads else scaling)(
                name, order, options.repeat, shlex.split(options.mpirun), options.patience
            )


if __name__ == "__main__":
    main()
