"""Iron with one atom in a hundred off by 0.5 eV: what impurities add to the anomalous Hall conductivity.

python tutorials/iron/side_jump.py [MESH]       default 48; mpirun -n 2 in front for two processes
"""

import sys
from pathlib import Path

import numpy as np

import wb_conserved
from wb_conserved import parallel
from wb_conserved.disorder import Impurity, impurity_response

ROOT = Path(__file__).parents[2]
FERMI_LEVEL, KBT = 17.387, 0.05  # eV
EXTRA_RATE = 1e-4  # eV: a few states have no d functions in them, and impurities leave them alone
ORBITALS = {"d": ["d"], "s, p and d": ["s", "p", "d"]}
PARTS = {
    "Berry curvature": "berry",
    "side jump": "impurity_side_jump",
    "anomalous distribution": "impurity_anomalous_distribution",
    "Gaussian skew scattering": "impurity_gaussian_skew",
    "skew scattering": "impurity_drift",
    "total": "impurity_total",
}


def hall(result, name):
    """Antisymmetric part of σ_xy, S/cm."""
    tensor = result.results[name].data[0]
    return 0.5 * (tensor[0, 1] - tensor[1, 0])


def main(mesh=48):
    comm = parallel.world()
    system = wb_conserved.load_system(ROOT / "data" / "fe_physics", comm=comm)
    results = {}
    for name, orbitals in ORBITALS.items():
        impurity = Impurity(0.5, 0.01, atoms=["Fe"], orbitals=orbitals)
        options = {"kBT": KBT, "degen_thresh": 1e-3, "extra_rate": EXTRA_RATE, "operator": "identity"}
        results[name] = impurity_response(system, mesh, impurity, FERMI_LEVEL, comm=comm, **options)
    if comm.rank == 0:
        print(
            f"Iron, 0.5 eV on functions of one atom in a hundred, mesh {mesh}^3, kBT {KBT} eV: σ_xy of particles, S/cm"
        )
        print(f"{'':28s}" + "".join(f"{name:>14s}" for name in results))
        for part, key in PARTS.items():
            print(f"{part:28s}" + "".join(f"{hall(result, key):14.1f}" for result in results.values()))
        angles = [hall(r, "impurity_total") / r.results["impurity_charge"].data[0, 0, 0] for r in results.values()]
        print(f"{'Hall angle':28s}" + "".join(f"{angle:14.5f}" for angle in angles))
        resistivities = [float(np.squeeze(result.results["impurity_resistivity"].data)) for result in results.values()]
        print(f"{'μΩ cm per percent':28s}" + "".join(f"{value:14.3f}" for value in resistivities))
    return results


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
