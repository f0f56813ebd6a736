"""Linear tetrahedra: this package against WannierBerri's ``tetra=True``, same grid, same process, one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/tetrahedra.py [--mesh 20] [--repeat 5]

Prints the processor time per k point of both, and the median ratio, for the tellurium and platinum data:

    sea, surface    weights of all bands at all Fermi levels, from given corner energies
    with corners    corner energies of the whole mesh, and from them the weights of the Fermi sea
    conventional    the whole run of the conventional conductivity, against static.SHC; and against ours without
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
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.grid.tetrahedron import TetraWeightsParal

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.bloch import batch_slices
from wb_conserved.occupations import Scan, Tetrahedra

DATA = Path(__file__).parents[2] / "data"
SYSTEMS = {"te": ("te/Te", 6.079), "pt": ("pt/Pt", 18.087)}
THRESHOLD = 1e-4


def measure(functions, repeat):
    """Processor time of each of some functions, called in turn: array (repeat, function), after one call of each."""
    for function in functions:
        function()
    times = np.empty((repeat, len(functions)))
    for row in times:
        for i, function in enumerate(functions):
            start = time.process_time()
            function()
            row[i] = time.process_time() - start
    return times


def report(label, theirs, ours, number_of_kpoints, repeat):
    times = measure((theirs, ours), repeat)
    seconds = np.median(times, axis=0) / number_of_kpoints
    ratios = np.sort(times[:, 0] / times[:, 1])
    print(
        f"  {label:32s} WannierBerri {1e3 * seconds[0]:6.3f}   here {1e3 * seconds[1]:6.3f} ms per k point   "
        f"ratio {np.median(ratios):6.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


def compare(name, mesh, repeat):
    path, fermi_level = SYSTEMS[name]
    system = wb_conserved.load_system(DATA / path)
    grid = wb_conserved.regular_grid(system, mesh)
    Kpoints = grid.get_K_list(use_symmetry=False)
    print(f"{name}: {system.num_wann} Wannier functions, mesh {mesh}^3")
    all_K = [Data_K_R(system, dK=K.Kp_fullBZ, grid=grid, Kpoint=K) for K in Kpoints]
    some = all_K[: max(1, 1000 // np.prod(grid.FFT))]
    energies = [(data_K.E_K, data_K.E_K_corners_parallel()) for data_K in some]
    number = sum(len(center) for center, _ in energies)
    parts = batch_slices(grid.FFT, system.num_wann)

    def batches():
        for center, corners in energies:
            for part in parts:
                yield center[part], corners[part].reshape(len(center[part]), 8, -1)

    for n_levels in (201, 2001):
        scan = np.linspace(fermi_level - 1, fermi_level + 1, n_levels)
        statistics = Tetrahedra(Scan(scan))
        for kind, derivative in (("sea", 0), ("surface", 1)):

            def theirs(scan=scan, derivative=derivative):
                for center, corners in energies:
                    weights = TetraWeightsParal(eCenter=center, eCorners=corners)
                    weights.weights_all_band_groups(scan, der=derivative, degen_thresh=THRESHOLD)

            def ours(statistics=statistics, kind=kind):
                for center, corners in batches():
                    getattr(statistics.cells(center, corners), kind)

            report(f"{kind}, {n_levels} levels", theirs, ours, number, repeat)

    scan = np.linspace(fermi_level - 1, fermi_level + 1, 201)

    def theirs_with_corners():
        for data_K in all_K:
            weights = TetraWeightsParal(eCenter=data_K.E_K, eCorners=data_K.E_K_corners_parallel())
            weights.weights_all_band_groups(scan, der=0, degen_thresh=THRESHOLD)

    def ours_with_corners():
        statistics, interpolator = Tetrahedra(Scan(scan)), WannierInterpolator(system)
        for data_K in all_K:
            for part in parts:
                corners = interpolator.corner_energies(data_K.kpoints_all[part], data_K.Kpoint.dK_fullBZ)
                _ = statistics.cells(data_K.E_K[part], corners).sea

    report("sea with corners, 201 levels", theirs_with_corners, ours_with_corners, mesh**3, min(repeat, 3))

    arguments = {"Efermi": scan, "degen_thresh": THRESHOLD, "save_mode": "", "tetra": True}
    shc = {"SHC": wannierberri_static.SHC(kwargs_formula={"spin_current_type": "simple"}, **arguments)}
    conventional = {"conventional": static.ConventionalSpinConductivity(**arguments)}
    without = {"conventional": static.ConventionalSpinConductivity(**arguments | {"tetra": False})}
    results = {}
    with tempfile.TemporaryDirectory() as folder:

        def their_run():
            run = wannierberri.run(system, grid, shc, parallel=False, fout_name=f"{folder}/shc", use_irred_kpt=False)
            results["theirs"] = run.results["SHC"].data / 100

        def our_run():
            run = wb_conserved.run(system, grid, conventional, use_irred_kpt=False)
            results["ours"] = run.results["conventional"].data

        report("conventional, 201 levels", their_run, our_run, mesh**3, min(repeat, 3))
        steps, tetrahedra = np.median(
            measure((lambda: wb_conserved.run(system, grid, without, use_irred_kpt=False), our_run), min(repeat, 3)),
            axis=0,
        )
        print(f"  the run here takes {tetrahedra / steps:.2f} times as long as without tetrahedra")
    difference = np.abs(results["ours"] - results["theirs"]).max() / np.abs(results["theirs"]).max()
    print(f"  largest relative difference of the conductivity {difference:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    for name in SYSTEMS:
        compare(name, options.mesh, options.repeat)
