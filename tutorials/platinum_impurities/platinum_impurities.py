"""Platinum with one atom in a hundred off by 1 eV on its d functions: every part of the spin Hall conductivity.

python tutorials/platinum_impurities/platinum_impurities.py [MESH]       default 48; mpirun -n 2 in front for two processes
"""

import sys
from pathlib import Path

import wb_conserved
from wb_conserved import parallel
from wb_conserved.disorder import Impurity, impurity_response

ROOT = Path(__file__).parents[2]
FERMI_LEVEL, KBT = 18.0874, 0.05  # eV
EXTRA_RATE = 1e-3  # eV: states at Γ have no d functions in them, and impurities leave them alone
XYZ = {"i": "x", "l": "y", "s": "z"}  # flow along x, field along y, spin along z
PARTS = {
    "intrinsic": ("conserved", "conventional"),
    "dipole": ("dipole", None),
    "shifted occupation": ("impurity_drift", "impurity_conventional_drift"),
    "side jump": ("impurity_side_jump", "impurity_conventional_side_jump"),
    "anomalous distribution": ("impurity_anomalous_distribution", "impurity_conventional_anomalous_distribution"),
    "Gaussian skew scattering": ("impurity_gaussian_skew", "impurity_conventional_gaussian_skew"),
    "total": ("impurity_total", "impurity_conventional_total"),
}


def table(data):
    """All parts of both currents, in the unit of the data."""
    lines = [f"{'σ_xyz, ' + data['impurity_total'].units:32s} conserved   conventional"]
    for part, names in PARTS.items():
        values = [f"{float(data[name].sel(XYZ).item()):12.1f}" if name else f"{'–':>12s}" for name in names]
        lines.append(f"{part:26s} {'  '.join(values)}")
    return "\n".join(lines)


def main(mesh=48):
    comm = parallel.world()
    system = wb_conserved.load_system(ROOT / "data" / "pt" / "Pt", comm=comm)
    impurity = Impurity(1.0, 0.01, atoms=["Pt"], orbitals=["d"])
    result = impurity_response(
        system, mesh, impurity, FERMI_LEVEL, kBT=KBT, degen_thresh=0.01, extra_rate=EXTRA_RATE, comm=comm, progress=True
    )
    if comm.rank == 0:
        data = result.to_dataset()
        print(f"Platinum, 1 eV on the d functions of one atom in a hundred, mesh {mesh}^3, kBT {KBT} eV")
        print(table(data))
        print(f"spin Hall angle {result.hall_angle()[0, 0, 1, 2]:.5f}")
        for name in ("impurity_resistivity", "impurity_lifetime", "impurity_mean_free_path"):
            print(f"{data[name].long_name} {float(data[name].item()):.3f} {data[name].units}")
        print(", ".join(f"{name} {value:.1e}" for name, value in result.residuals.items()))
    return result


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
