"""Speed beyond `wb-conserved bench`: many Fermi levels, supercells of 18 to 144 Wannier functions, two dimensions.

    OMP_NUM_THREADS=1 python tests/benchmarks/speed.py levels [--mesh 30] [--repeat 3]
    OMP_NUM_THREADS=1 python tests/benchmarks/speed.py supercells [--mesh 16] [--repeat 3]
    OMP_NUM_THREADS=1 python tests/benchmarks/speed.py sheet [--mesh 2000]
    OMP_NUM_THREADS=1 python tests/benchmarks/speed.py temperatures [--mesh 24] [--repeat 3]

levels      2001 Fermi levels against 201, everything of XN 11 and 15 and the conventional tensor, tellurium and platinum
supercells  platinum in 1, 2, 4 and 8 cells, on the mesh of the single cell folded: time per k point as a power of the
            number of functions, ratios to the floors of linear algebra, peak memory and what the plan of the run allows
sheet       a model of two bands in two dimensions
temperatures  eight temperatures from 50 to 400 K against the coldest alone, everything and the Kubo tensor, platinum

All times are processor times.
"""

import argparse
import os
import resource
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np

import wb_conserved
from wb_conserved.calculators import CATALOGUE, static
from wb_conserved.diagnostics.bench import SETS, benchmark
from wb_conserved.driver.run import estimate
from wb_conserved.models import rashba_lattice, supercell
from wb_conserved.units import BOLTZMANN_EV

DATA = Path(__file__).parents[2] / "data"
SYSTEMS = {"te": ("te/Te", 6.079), "pt": ("pt/Pt", 18.0874)}
XN = "XN set"


def calculators(label, fermi_level, number=201, kBT=0.0):
    """Those of a line of the benchmark."""
    scan = np.linspace(fermi_level - 1, fermi_level + 1, number)
    return {name: CATALOGUE[name].calculator(scan, kBT=kBT, degen_thresh=1e-4) for name in SETS[label]}


def medians(functions, repeat):
    """Median processor time of each function, the functions taking turns."""
    times = {name: [] for name in functions}
    for _ in range(repeat):
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def levels(mesh, repeat):
    """Print what ten times as many Fermi levels cost."""
    for name, (path, fermi_level) in SYSTEMS.items():
        system = wb_conserved.load_system(DATA / path)
        for kBT in (0.0, 0.05):
            sides = {
                number: partial(wb_conserved.run, system, mesh, calculators(XN, fermi_level, number, kBT))
                for number in (201, 2001)
            }
            both = medians(sides, repeat)
            print(
                f"{name}, mesh {mesh}³, kBT = {kBT} eV: {1e3 * both[201] / mesh**3:.3f} ms per k point with 201 Fermi levels, "
                f"{1e3 * both[2001] / mesh**3:.3f} with 2001: ratio {both[2001] / both[201]:.3f}",
                flush=True,
            )


def supercells(mesh, repeat):
    """Print how time, memory and the ratios to the floors grow with the number of functions."""
    path, fermi_level = SYSTEMS["pt"]
    system = wb_conserved.load_system(DATA / path)
    number, seconds = [], {}
    for multiples in ((1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)):
        big, folded = supercell(system, multiples), [mesh // n for n in multiples]
        found = benchmark(big, "platinum", folded, fermi_level=fermi_level, repeat=repeat)
        number.append(big.num_wann)
        for label, measured in found.sets.items():
            plan = estimate(big, folded, calculators(label, fermi_level), use_irred_kpt=False)
            seconds.setdefault(label, []).append(measured.total)
            print(
                f"{big.num_wann:4d} functions, {label:28s} {1e3 * measured.total:9.3f} ms per k point, total / floor "
                f"{measured.total / sum(measured.floor.values()):.2f}, of kernels "
                f"{measured.total / sum(measured.kernel_floor.values()):.2f}, peak {measured.peak / 2**20:5.0f} MiB of "
                f"{(plan.bytes_per_rank - plan.interpreter) / 2**20:5.0f} planned",
                flush=True,
            )
    for label, times in seconds.items():
        steps = np.diff(np.log(times)) / np.diff(np.log(number))
        fit = np.polyfit(np.log(number), np.log(times), 1)[0]
        print(f"{label}: time ∝ N^p, p = {fit:.2f}; from each size to the next {', '.join(f'{p:.2f}' for p in steps)}")


def sheet(mesh):
    """Print time and memory of a two-dimensional model of two bands."""
    system, scan = rashba_lattice(zeeman=0.2), np.linspace(-1, 9, 201)
    every = {
        "conventional": static.ConventionalSpinConductivity(scan),
        "conserved": static.ConservedSpinConductivity(scan),
    }
    for points in (mesh // 4, mesh):
        start = time.process_time()
        wb_conserved.run(system, (points, points, 1), every)
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"rashba, {points}² k points, conventional and conserved: {seconds:.1f} s, {1e6 * seconds / points**2:.2f} µs per "
            f"k point; peak memory of the process so far {peak:.0f} MB",
            flush=True,
        )


def temperatures(mesh, repeat):
    """Print what eight temperatures cost, on the whole mesh."""
    path, fermi_level = SYSTEMS["pt"]
    system, several = wb_conserved.load_system(DATA / path), BOLTZMANN_EV * np.linspace(50, 400, 8)
    sides = {}
    for name, kBT in (("coldest", several[0]), ("all", several)):
        every = calculators("XN set and σ_K", fermi_level, kBT=kBT)
        sides[name] = partial(wb_conserved.run, system, mesh, every, use_irred_kpt=False, symmetrize=False)
        sides[name]()  # compiles
    both = medians(sides, repeat)
    print(
        f"pt, mesh {mesh}³: {1e3 * both['coldest'] / mesh**3:.3f} ms per k point at 50 K, "
        f"{1e3 * both['all'] / mesh**3:.3f} at eight temperatures: ratio {both['all'] / both['coldest']:.3f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["levels", "supercells", "sheet", "temperatures"])
    parser.add_argument("--mesh", type=int)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.what == "levels":
        levels(options.mesh or 30, options.repeat)
    elif options.what == "supercells":
        supercells(options.mesh or 16, options.repeat)
    elif options.what == "temperatures":
        temperatures(options.mesh or 24, options.repeat)
    else:
        sheet(options.mesh or 2000)
