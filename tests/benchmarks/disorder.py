"""Impurities: the passes of `wb_conserved.disorder` against a run of σ_in, and against what has to be accumulated, one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/disorder.py [--mesh 48] [--width 0.025] [--repeat 5]

Platinum, a potential on the ten d functions, one Fermi level, kBT = 2 widths.  Prints processor times per k point, medians of
runs that take turns, and their ratios.  The floor is made of the operations that the passes cannot do without, on arrays of
the same shapes: three eigenproblems and Fourier sums, two rotations of velocity, position and spin, the matrix products of the
conventional current and of the dressed states, and at each node the matrix products that are accumulated.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.compiled.rotation import rotated
from wb_conserved.disorder import Impurity, impurity_response
from wb_conserved.disorder.passes import SkewSums
from wb_conserved.driver.evaluation import Evaluation
from wb_conserved.driver.grid import regular_grid
from wb_conserved.driver.kpoints import kpoints_of_grid
from wb_conserved.driver.mesh import Mesh
from wb_conserved.interpolation.eigen import eigh

DATA = Path(__file__).parents[2] / "data"
LEVEL, THRESHOLD = 18.0874, 0.01
WHOLE = {"use_irred_kpt": False, "symmetrize": False}


def floor(system, grid, passes, number):
    """Seconds per k point of each group of operations, on some batches."""
    mesh = Mesh(grid, kpoints_of_grid(grid, False), system.num_wann)
    evaluation = Evaluation(system, grid, {"pass": passes}, symmetrize=False)
    total = dict.fromkeys(("eigenproblems", "Fourier", "rotations", "products", "accumulated"), 0.0)
    kpoints = 0
    for index in np.linspace(0, mesh.number_of_batches - 1, number).astype(int):
        batch = mesh.batch(index)
        kpoints += len(batch.kpoints)
        for name, seconds in _of_batch(evaluation, passes, batch).items():
            total[name] += seconds
    return {name: seconds / kpoints for name, seconds in total.items()}


def _of_batch(evaluation, passes, batch):
    interpolator, problem = evaluation.interpolator, passes.problem
    phases = interpolator.phases(batch.kpoints)
    names = ("∂Ham", "AA", "SS")
    (hamiltonian,) = interpolator.parts(phases, "Ham")
    vectors = eigh(hamiltonian)[1]
    packed = [interpolator.parts(phases, name)[0] for name in names]
    states = evaluation.states(batch)
    shells = list(passes.shells(states, 1.0))
    k, n, i, F = len(batch.kpoints), vectors.shape[-1], problem.number, problem.elements
    rows = len(shells[0].rows.k) if shells else 0
    matrix, on_functions = np.ones((n, 3 * n), complex), np.ones((n, i), complex)
    three, from_others = (np.ones((rows // k + 1, number, n), complex) for number in (3 * k, 12 * k))
    groups = []
    for shell in shells:
        for _, part in shell.at_nodes:
            entries = part.stop - part.start
            m = shell.size
            groups.append((
                np.ones((entries * m * m, 40 + F)), np.ones((entries * m * m, F + 6)),
                np.ones((entries * m, i), complex), np.ones((entries * m, 12 * i), complex),
                np.ones((entries * m, 3 * i), complex), np.ones((entries * m, 6 * i), complex),
            ))  # fmt: skip

    def fourier():
        for _ in range(3):
            interpolator.parts(phases, "Ham")
        for _ in range(2):
            for name in names:
                interpolator.parts(phases, name)

    def accumulate():
        for rows, columns, state, dressed, with_operator, fields in groups:
            rows.T @ columns, state.T @ dressed, with_operator.T @ with_operator, state.T @ fields

    def products():
        three @ matrix, three @ matrix, from_others @ on_functions

    operations = {
        "eigenproblems": lambda: [eigh(hamiltonian) for _ in range(3)],
        "Fourier": fourier,
        "rotations": lambda: [rotated(part, vectors) for part in packed * 2],
        "products": products,
        "accumulated": accumulate,
    }
    times = {}
    for name, operation in operations.items():
        start = time.process_time()
        operation()
        times[name] = time.process_time() - start
    states.forget()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=int, default=48)
    parser.add_argument("--width", type=float, default=0.025)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    system = wb_conserved.load_system(DATA / "pt" / "Pt")
    kBT, grid = 2 * arguments.width, regular_grid(system, arguments.mesh)
    impurity = Impurity(1.0, 0.01, atoms=["Pt"], orbitals=["d"])
    own = {"degen_thresh": THRESHOLD}
    small = impurity_response(system, 2, impurity, [LEVEL], kBT=kBT, width=arguments.width, extra_rate=1e-3, **own)
    problem = small.calculators["impurity_drift"].problem
    print(f"platinum, {arguments.mesh}³, {problem.number} functions, {problem.axis.number} energies")
    passes = SkewSums(problem, operator="spin", **own)
    conserved = static.ConservedSpinConductivity([LEVEL], kBT=kBT, **own)
    sides = {
        "σ_in": lambda: wb_conserved.run(system, grid, {"σ": conserved}, **WHOLE),
        "passes": lambda: wb_conserved.run(system, grid, {"response": passes}, **WHOLE),
    }
    number, times, floors = arguments.mesh**3, {name: [] for name in sides}, []
    for turn in range(arguments.repeat + 1):
        for name, run in sides.items():
            start = time.process_time()
            run()
            if turn:
                times[name].append((time.process_time() - start) / number)
        if turn:
            floors.append(floor(system, grid, passes, 12))
    ours, reference = (np.array(times[name]) for name in ("passes", "σ_in"))
    whole = np.array([sum(part.values()) for part in floors])
    for name, values in (("σ_in", reference), ("passes", ours), ("floor", whole)):
        print(f"  {name:8s} {1e3 * np.median(values):.4f} ms per k point")
    print("  floor:   " + ", ".join(f"{name} {1e3 * np.median([part[name] for part in floors]):.4f}" for name in floors[0]))
    for name, values in (("σ_in", reference), ("floor", whole)):
        ratios = np.sort(ours / values)
        print(f"  passes / {name}: {np.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
