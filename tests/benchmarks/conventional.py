"""Conventional spin conductivity: this package against WannierBerri's static.SHC, same grid, same process.

    OMP_NUM_THREADS=1 python tests/benchmarks/conventional.py [--mesh 20] [--repeat 3]

Prints the time per k point of both, and the ratio, for the tellurium and platinum data, on one core.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np
import wannierberri
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved.calculators import static

DATA = Path(__file__).parents[2] / "data"
SYSTEMS = {"te": ("te/Te", 6.079), "pt": ("pt/Pt", 18.087)}


def measure(function, repeat):
    """Median wall time of several calls, and the last result."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def compare(name, mesh, repeat):
    path, fermi_level = SYSTEMS[name]
    system = wb_conserved.load_system(DATA / path)
    fermi_levels = np.linspace(fermi_level - 1, fermi_level + 1, 201)
    arguments = {"Efermi": fermi_levels, "degen_thresh": 1e-4, "save_mode": ""}
    ours = {"conventional": static.ConventionalSpinConductivity(**arguments)}
    theirs = {"SHC": wannierberri_static.SHC(kwargs_formula={"spin_current_type": "simple"}, **arguments)}
    grid = wb_conserved.regular_grid(system, mesh)
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "wannierberri static.SHC": lambda: (
                wannierberri.run(system, grid, theirs, parallel=False, fout_name=f"{folder}/shc").results["SHC"].data
                / 100
            ),
            "ours, wannierberri.run": lambda: (
                wannierberri.run(system, grid, ours, parallel=False, fout_name=f"{folder}/ours")
                .results["conventional"]
                .data
            ),
            "ours, wb_conserved.run": lambda: wb_conserved.run(system, grid, ours).results["conventional"].data,
        }
        timed = {label: measure(function, repeat) for label, function in runs.items()}
    reference_time, reference = timed["wannierberri static.SHC"]
    print(
        f"{name}: {system.num_wann} Wannier functions, {system.rvec.nRvec} R vectors, mesh {mesh}^3, 201 Fermi levels"
    )
    for label, (seconds, data) in timed.items():
        difference = np.abs(data - reference).max() / np.abs(reference).max()
        print(
            f"  {label:26s} {1e3 * seconds / mesh**3:7.3f} ms per k point   ratio {reference_time / seconds:5.2f}   "
            f"largest relative difference {difference:.1e}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for name in SYSTEMS:
        compare(name, options.mesh, options.repeat)
