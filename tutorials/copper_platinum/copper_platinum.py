"""Platinum in copper, from first principles: skew scattering, spin Hall angle and residual resistivity.

python tutorials/copper_platinum/copper_platinum.py [MESH [FOLDER]]

default: 24 and results/copper_platinum; mpirun -n 2 in front for two processes
"""

import sys
from pathlib import Path

import numpy as np

import wb_conserved
from wb_conserved import parallel
from wb_conserved.disorder import ImpurityPotential, impurity_response

ROOT = Path(__file__).parents[2]
FERMI_LEVEL, KBT = 12.87, 0.1  # eV: 11 electrons
POTENTIALS = {"levels alone": "Pt_levels", "levels and hops": "Pt"}
CONCENTRATION = 0.01
X, Y, Z = range(3)
PARTS = {
    "shifted occupation": "impurity_drift",
    "of it skew scattering": "impurity_skew",
    "intrinsic": "conserved",
    "dipole": "dipole",
    "side jump": "impurity_side_jump",
    "anomalous distribution": "impurity_anomalous_distribution",
    "Gaussian skew scattering": "impurity_gaussian_skew",
    "total": "impurity_total",
}
OF_ORDER_1 = ("conserved", "dipole", "impurity_side_jump", "impurity_anomalous_distribution", "impurity_gaussian_skew")


def component(result, name):
    """σ_xyz of a part, (ħ/|e|) S/cm."""
    return float(result.results[name].data[0, X, Y, Z])


def of_concentration(result, concentrations):
    """Parts of order 1/c and of order 1 at other concentrations, and the spin Hall angle; exact, as nothing else scatters."""
    drift = component(result, "impurity_drift") * CONCENTRATION / concentrations
    rest = sum(component(result, name) for name in OF_ORDER_1)
    charge = float(result.results["impurity_charge"].data[0, X, X]) * CONCENTRATION / concentrations
    return drift, rest, 2 * (drift + rest) / charge


def report(name, potential, result, system):
    """What one potential gives."""
    numbers = {key: float(result.results[key].data[0]) for key in ("impurity_resistivity", "impurity_lifetime")}
    charge = float(result.results["impurity_charge"].data[0, X, X])
    print(f"\nPlatinum in copper, {name}\n{potential}")
    print(f"electrons that it binds (Friedel's sum rule: -1)  {potential.friedel_sum(system, FERMI_LEVEL):6.2f}")
    print(f"residual resistivity {numbers['impurity_resistivity']:.2f} μΩ cm per percent")
    print(f"lifetime at {100 * CONCENTRATION:g} % {numbers['impurity_lifetime']:.1f} fs")
    print(f"σ_xyz at {100 * CONCENTRATION:g} %, (ħ/|e|) S/cm")
    for part, key in PARTS.items():
        print(f"  {part:26s} {component(result, key):10.1f}")
    print(f"spin Hall angle of the drift {2 * component(result, 'impurity_drift') / charge:.4f}")
    print(f"spin Hall angle of the total {2 * component(result, 'impurity_total') / charge:.4f}")


def draw(results, path):
    """Parts against the concentration, and the spin Hall angle."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    concentrations = np.logspace(-4, -1, 61)
    plt.rcParams.update({"font.size": 8.0, "axes.linewidth": 0.6})
    figure, (left, right) = plt.subplots(1, 2, figsize=(17.2 / 2.54, 6.4 / 2.54), layout="constrained")
    drift, rest, _ = of_concentration(results["levels and hops"], concentrations)
    left.loglog(100 * concentrations, np.abs(drift), color="#d1602f", label="skew scattering, 1/c")
    left.loglog(
        100 * concentrations, np.full_like(drift, abs(rest)), "--", color="#6f6f6f", label="all parts of order 1"
    )
    left.loglog(100 * concentrations, np.abs(drift + rest), color="#1b3a6b", linewidth=1.6, label="total")
    left.set_ylabel(r"|$\sigma^z_{xy}$|   [($\hbar$/|e|) S/cm]")
    for (name, result), color in zip(results.items(), ("#6f6f6f", "#1b3a6b"), strict=True):
        right.semilogx(100 * concentrations, of_concentration(result, concentrations)[2], color=color, label=name)
    right.axhline(0, color="black", linewidth=0.5)
    right.set_ylabel("spin Hall angle")
    for axes in (left, right):
        axes.set_xlabel("Pt in Cu   [%]")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.legend(frameon=False, fontsize=6.5)
    figure.savefig(path, dpi=200)
    plt.close(figure)


def main(mesh=24, folder=ROOT / "results" / "copper_platinum"):
    comm = parallel.world()
    system = wb_conserved.load_system(ROOT / "data" / "cu", comm=comm)
    results, potentials = {}, {}
    for name, file in POTENTIALS.items():
        potentials[name] = ImpurityPotential.load(ROOT / "data" / "cu" / "impurities" / f"{file}.npz")
        impurity = potentials[name].impurity(CONCENTRATION, system)
        results[name] = impurity_response(system, mesh, impurity, FERMI_LEVEL, kBT=KBT, degen_thresh=0.05, comm=comm)
    if comm.rank == 0:
        for name, result in results.items():
            report(name, potentials[name], result, system)
        Path(folder).mkdir(parents=True, exist_ok=True)
        draw(results, Path(folder) / "copper_platinum.png")
        print(f"\nwrote {Path(folder) / 'copper_platinum.png'}")
    return results


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]), *sys.argv[2:3])
