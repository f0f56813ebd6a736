"""Speed of the static calculators: against WannierBerri's static.SHC, and against the linear algebra they cannot avoid.

    OMP_NUM_THREADS=1 python tests/benchmarks/speed.py [--mesh 30] [--repeat 5] [--systems te pt] [--sheet 2000]

Prints, for the tellurium and platinum data on one core, times per k point (processor time, medians of runs that take
turns), their ratios, the time by stage, and the floor: the eigenproblem, the Fourier products, the rotations and the matrix
products of the formulas, on the same shapes.  With --sheet, also the time of a model of two bands in two dimensions.

    conv   ConventionalSpinConductivity
    xn     conv, ConservedSpinConductivity, BerrySpinConductivity, DipoleScatteringSpinConductivity
    kubo   xn, KuboConservedSpinConductivity
    shc    WannierBerri's static.SHC, spin_current_type="simple"
"""

import argparse
import contextlib
import io
import os
import resource
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np
import wannierberri
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.interpolation import WannierInterpolator, bloch
from wb_conserved.models import rashba_lattice
from wb_conserved.occupations import Occupation, Spread
from wb_conserved.run import data_K_of_list

DATA = Path(__file__).parents[2] / "data"
SYSTEMS = {"te": ("te/Te", 6.079), "pt": ("pt/Pt", 18.087)}
MATRICES = {"conv": ("∂Ham", "AA", "SS"), "xn": ("∂Ham", "AA", "SS", "rot AA")}
# products of n × n matrices, and row-wise contractions (components of both factors), besides the rotations
PRODUCTS = {"conv": 9, "xn": 9 + 3 + 3}
CONTRACTIONS = {"conv": [(3, 9)], "xn": [(3, 9), (3, 3), (3, 3)]}


def medians(functions, repeat):
    """Median processor time of each function, the functions taking turns."""
    times = {name: [] for name in functions}
    for _ in range(repeat):
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def calculators(fermi_level, number=201, kBT=0.0):
    """The sets by name."""
    arguments = {"Efermi": np.linspace(fermi_level - 1, fermi_level + 1, number), "kBT": kBT, "degen_thresh": 1e-4}
    conv = {"conventional": static.ConventionalSpinConductivity(**arguments)}
    xn = conv | {
        "conserved": static.ConservedSpinConductivity(**arguments),
        "berry": static.BerrySpinConductivity(**arguments),
        "scattering": static.DipoleScatteringSpinConductivity(**arguments),
    }
    return {"conv": conv, "xn": xn, "kubo": xn | {"kubo": static.KuboConservedSpinConductivity(**arguments)}}


def compare(system, fermi_level, mesh, repeat):
    """Print times of whole runs and the ratios of the targets."""
    grid = wb_conserved.regular_grid(system, mesh)
    scan = np.linspace(fermi_level - 1, fermi_level + 1, 201)
    shc = wannierberri_static.SHC(
        Efermi=scan, degen_thresh=1e-4, kwargs_formula={"spin_current_type": "simple"}, save_mode=""
    )

    def reference():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            return wannierberri.run(system, grid, {"shc": shc}, parallel=False, fout_name=f"{folder}/shc")

    sets = calculators(fermi_level)
    wb_conserved.run(system, grid, sets["kubo"])  # nothing is prepared for the first time below
    expected = reference().results["shc"].data / 100
    found = wb_conserved.run(system, grid, sets["conv"]).results["conventional"].data
    runs = {name: (lambda group=group: wb_conserved.run(system, grid, group)) for name, group in sets.items()}
    times = {name: seconds / mesh**3 * 1e3 for name, seconds in medians({"shc": reference} | runs, repeat).items()}
    print("  ms per k point: " + ", ".join(f"{name} {value:.3f}" for name, value in times.items()))
    print(
        f"  shc/conv {times['shc'] / times['conv']:.2f}, shc/xn {times['shc'] / times['xn']:.2f}, "
        f"kubo/xn {times['kubo'] / times['xn']:.2f}; largest relative difference of conv from shc "
        f"{np.abs(found - expected).max() / np.abs(expected).max():.1e}"
    )
    for kBT in (0.0, 0.05):
        few, many = (calculators(fermi_level, number, kBT)["xn"] for number in (201, 2001))
        both = medians(
            {
                "few": lambda group=few: wb_conserved.run(system, grid, group),
                "many": lambda group=many: wb_conserved.run(system, grid, group),
            },
            repeat,
        )
        print(f"  2001 Fermi levels / 201 at kBT = {kBT} eV (xn): {both['many'] / both['few']:.2f}")


def batch_of(system, fermi_level, name, repeat):
    """Print the time of one batch by stage, and its floor."""
    interpolator = WannierInterpolator(system)
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=[6, 6, 30])
    Kpoint = grid.get_K_list(use_symmetry=False)[0]
    kpoints = grid.points_FFT[bloch.batch_slices(grid.FFT, system.num_wann)[0]] + 0.01
    group = calculators(fermi_level)[name].values()
    spent = {}

    def timed(stage, function):
        def call(*arguments):
            start = time.process_time()
            result = function(*arguments)
            spent[stage] = spent.get(stage, 0.0) + time.process_time() - start
            return result

        return call

    def evaluate():
        data_K = data_K_of_list(system, kpoints, grid, Kpoint, interpolator=interpolator)
        for calculator in group:
            calculator.accumulate(data_K)

    evaluate()
    stages = [
        (WannierInterpolator, "phases", "Fourier"),
        (WannierInterpolator, "parts", "Fourier"),
        (np.linalg, "eigh", "eigen"),
        (bloch, "_half_rotated", "rotation"),
        (Occupation, "spread", "occupation"),
        (Spread, "add", "occupation"),
    ]
    samples = []
    with contextlib.ExitStack() as stack:
        for owner, attribute, stage in stages:
            stack.enter_context(mock.patch.object(owner, attribute, timed(stage, getattr(owner, attribute))))
        for _ in range(repeat):
            spent.clear()
            start = time.process_time()
            evaluate()
            total = time.process_time() - start
            samples.append(spent | {"geometry and rest": total - sum(spent.values()), "total": total})
    per_k = {stage: 1e6 * np.median([s[stage] for s in samples]) / len(kpoints) for stage in samples[0]}
    least = floor(interpolator, kpoints, name, repeat) if name in MATRICES else {}
    print(f"  {name}, a batch of {len(kpoints)}, µs per k point: " + _listed(per_k))
    if least:
        total = sum(least.values())
        print(f"    floor {total:.0f}: {_listed(least)}; total / floor {per_k['total'] / total:.2f}")


def floor(interpolator, kpoints, name, repeat):
    """µs per k point of the linear algebra alone."""
    phases = interpolator.phases(kpoints)
    energies, vectors = np.linalg.eigh(interpolator(phases, "Ham"))
    k, n = energies.shape
    generator = np.random.default_rng(0)

    def random(*shape):
        return generator.normal(size=(k, *shape)) + 1j * generator.normal(size=(k, *shape))

    components = 3 * len(MATRICES[name])
    hamiltonian, real = interpolator(phases, "Ham"), generator.normal(size=(k, components * n, n))
    half, left = random(n, components * n), random(PRODUCTS[name] * n, n)
    rows = [(random(n, a, n).view(float), random(n, b, n).view(float)) for a, b in CONTRACTIONS[name]]
    functions = {
        "eigen": lambda: np.linalg.eigh(hamiltonian),
        "Fourier": lambda: [interpolator.parts(phases, matrix) for matrix in ("Ham", *MATRICES[name])],
        "rotation": lambda: (real @ vectors.view(float), vectors @ half),
        "products": lambda: left @ vectors,
        "contractions": lambda: [a @ b.swapaxes(2, 3) for a, b in rows],
    }
    return {stage: 1e6 * seconds / k for stage, seconds in medians(functions, repeat).items()}


def _listed(values):
    return ", ".join(f"{name} {value:.0f}" for name, value in values.items())


def sheet(mesh):
    """Print the time of a two-dimensional model of two bands."""
    system = rashba_lattice(zeeman=0.2)
    levels = np.linspace(-1, 9, 201)
    group = {
        "conventional": static.ConventionalSpinConductivity(levels),
        "conserved": static.ConservedSpinConductivity(levels),
    }
    start = time.process_time()
    wb_conserved.run(system, (mesh, mesh, 1), group)
    seconds = time.process_time() - start
    matrices = np.linalg.qr(np.random.default_rng(0).normal(size=(10000, 2, 2)))[0].astype(complex)
    eigen = medians({"eigen": lambda: np.linalg.eigh(matrices)}, 5)["eigen"] / len(matrices)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"rashba, {mesh}² k points, conventional and conserved: {seconds:.1f} s, {1e6 * seconds / mesh**2:.2f} µs per k "
        f"point, of which eigen {1e6 * eigen:.2f}; peak memory of the process {peak:.0f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--sheet", type=int, default=0)
    options = parser.parse_args()
    if options.sheet:
        sheet(options.sheet)
    for name in options.systems:
        path, fermi_level = SYSTEMS[name]
        system = wb_conserved.load_system(DATA / path)
        print(f"{name}: {system.num_wann} Wannier functions, {system.rvec.nRvec} R vectors, mesh {options.mesh}³")
        for group in ("conv", "xn", "kubo"):
            batch_of(system, fermi_level, group, 10 * options.repeat)
        compare(system, fermi_level, options.mesh, options.repeat)
