"""Time that `estimate` (the dry run) tells against that of the run, each in a process of its own.

    python tests/benchmarks/estimate.py [--cases full24 reduced48 ...] [--repeat 1] [--json FILE]

The estimate comes first, as for a user, and both see what else the machine does at the time: the share of its cores that
went to others ("others") stands beside each.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
CUBIC = ("C4z", "C4x", "Inversion", "TimeReversal")
STATIC = ("kubo", "conserved", "conventional")
EQUILIBRIUM = ("kubo", "conventional", "torque_dipole", "torque_quadrupole", "current_dipole", "orbital_magnetization")

CASES = {
    "full24": dict(mesh=24),
    "full48": dict(mesh=48),
    "reduced24": dict(mesh=24, generators=CUBIC),
    "reduced48": dict(mesh=48, generators=CUBIC),
    "reduced120": dict(mesh=120, generators=CUBIC),
    "equilibrium": dict(mesh=24, names=EQUILIBRIUM),
    "temperatures": dict(mesh=24, kBT=[0.0086, 0.0172, 0.0259, 0.05]),
    "electrons": dict(mesh=24, electrons=10.0),
    "tetrahedra": dict(mesh=24, kBT=0.0, tetra=True),
    "checkpoint": dict(mesh=32, checkpoint=True),
    "refinement": dict(mesh=16, refine=dict(adpt_num_iter=4, adpt_fac=2)),
    "refinement-reduced": dict(mesh=32, generators=CUBIC, refine=dict(adpt_num_iter=10, adpt_fac=1)),
    "wannierberri": dict(mesh=16, foreign=True),
    "two ranks": dict(mesh=32, ranks=2),
    "two ranks, reduced": dict(mesh=60, generators=CUBIC, ranks=2),
}
"""What is run: platinum, kBT = 0.025 eV, 241 levels, unless they say otherwise."""


def work(case, told, folder):
    """Estimate or run a case on this rank; seconds."""
    import numpy as np

    import wb_conserved
    from wb_conserved.calculators import SUMS, Electrons
    from wb_conserved.parallel import world

    comm = world() if case.get("ranks", 1) > 1 else None
    system = wb_conserved.load_system(DATA / "pt" / "Pt")
    if "generators" in case:
        system.set_pointgroup(list(case["generators"]))
    levels = Electrons(case["electrons"]) if "electrons" in case else 18.0874 + np.linspace(-8, 4, 241)
    options = {"kBT": case.get("kBT", 0.025), "degen_thresh": 0.01, "tetra": case.get("tetra", False)}
    calculators = {name: SUMS[name].calculator(levels, **options) for name in case.get("names", STATIC)}
    if case.get("foreign"):
        from wannierberri.calculators import static

        calculators = {"AHC": static.AHC(Efermi=levels, kwargs_formula={"external_terms": True})}
    arguments = (system, case["mesh"], calculators, comm)
    if told:
        plan = wb_conserved.estimate(*arguments, **case.get("refine", {}))
        seconds = plan.seconds
        print(plan, file=sys.stderr)
    else:
        store = {"checkpoint": folder / "parts"} if case.get("checkpoint") else {}
        seconds = wb_conserved.run(*arguments, **case.get("refine", {}), **store).seconds
    if comm is None or comm.rank == 0:
        (folder / "seconds").write_text(str(seconds), encoding="utf-8")


def measured(name, told):
    """Seconds of an estimate or a run, and the share of the cores that went to others."""
    with tempfile.TemporaryDirectory() as folder:
        ranks = CASES[name].get("ranks", 1)
        launcher = [shutil.which("mpirun") or str(Path(sys.executable).with_name("mpirun")), "-n", str(ranks)]
        command = [*(launcher if ranks > 1 else []), sys.executable, __file__, "--work", name, folder]
        start, before, own = time.perf_counter(), _ticks(), os.times()
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run([*command, *(["--told"] if told else [])], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        after, now = _ticks(), os.times()
        busy = (now.children_user + now.children_system) - (own.children_user + own.children_system)
        others = (after - before - busy) / (time.perf_counter() - start) / (os.cpu_count() or 1)
        return float((Path(folder) / "seconds").read_text(encoding="utf-8")), max(0.0, others), done.stderr


def _ticks():
    """Seconds of all cores that were not idle, of this machine and those beside it."""
    numbers = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--work", nargs=2, metavar=("CASE", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--told", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(CASES[arguments.work[0]], arguments.told, Path(arguments.work[1]))
        return
    rows = []
    print(f"{'case':<20}{'told/s':>10}{'run/s':>10}{'told/run':>10}{'others':>14}")
    for name in arguments.cases:
        for _ in range(arguments.repeat):
            told, others_told, text = measured(name, told=True)
            ran, others_ran, _ = measured(name, told=False)
            rows.append({"case": name, "told_s": told, "run_s": ran, "others": [others_told, others_ran]})
            share = f"{100 * others_told:.0f} %, {100 * others_ran:.0f} %"
            print(f"{name:<20}{told:>10.2f}{ran:>10.2f}{told / ran:>10.2f}{share:>14}", flush=True)
            if arguments.verbose:
                print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
