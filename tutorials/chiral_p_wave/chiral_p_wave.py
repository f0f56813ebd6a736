"""A chiral p-wave superconductor with three orbitals, as Sr2RuO4 was long taken to be: orbital magnetization, local and global.

python tutorials/chiral_p_wave/chiral_p_wave.py [FOLDER]       pictures go to FOLDER (default: results/chiral_p_wave)

Orbitals d_xz, d_yz, d_xy on the square lattice with spin-orbit coupling; p+ip with d ∥ z in each of them, in the basis of all
functions (12 bands).  The gap is a hundred times that of the material, for a mesh that takes seconds.

Bands of electrons and holes cross away from zero energy, and the gap hardly opens the crossings: few k points carry the global
part, which is drawn for two meshes.  The local parts and M_F do not mind.
"""

import logging
import sys
from pathlib import Path

import numpy as np

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.models import lattice_system
from wb_conserved.quasiparticles import bogoliubov_system, pairing
from wb_conserved.results import format_table
from wb_conserved.results.style import COLUMN, SMALL, STYLES, fonts

ROOT = Path(__file__).parents[2]
logging.getLogger("wb_conserved.driver.run").setLevel(logging.ERROR)  # few k points carry M: that is what the table counts
MAGNETIZATIONS = [
    "orbital_magnetization", "magnetization_interband", "magnetization_circuits", "magnetization_global",
    "magnetization_response",
]  # fmt: skip
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ALONG, ACROSS, OF_XY, DIAGONAL, MIXING, LEVEL, SPIN_ORBIT = 0.088, 0.009, 0.080, 0.040, 0.005, 0.109, 0.035  # eV
DELTA, T_C = 0.02, 0.012  # eV


def normal_state():
    """t_2g orbitals: xz hops along x, yz along y, xy in both directions and along the diagonals; λ L·S."""
    zero, identity = np.zeros((3, 3)), np.eye(2)
    x, y = np.diag([-ALONG, -ACROSS, -OF_XY]), np.diag([-ACROSS, -ALONG, -OF_XY])
    mixed = zero.copy()
    mixed[0, 1] = mixed[1, 0] = MIXING
    plus, minus = np.diag([0, 0, -DIAGONAL]) + mixed, np.diag([0, 0, -DIAGONAL]) - mixed
    # L between (yz, zx, xy), whose elements are −i ε_abc
    L = np.zeros((3, 3, 3), dtype=complex)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        L[a, b, c], L[a, c, b] = -1j, 1j
    order = [1, 0, 2]  # to (xz, yz, xy)
    coupling = 0.5 * SPIN_ORBIT * sum(np.kron(L[a][np.ix_(order, order)], PAULI[a]) for a in range(3))
    hoppings = {(1, 0, 0): x, (0, 1, 0): y, (1, 1, 0): plus, (1, -1, 0): minus}
    hoppings = {R: np.kron(matrix, identity) for R, matrix in hoppings.items()}
    hoppings[0, 0, 0] = -LEVEL * np.eye(6) + coupling
    spin = np.stack([np.kron(np.eye(3), sigma) for sigma in PAULI], axis=-1)
    return lattice_system(3.86 * np.diag([1, 1, 3.0]), hoppings, spin, periodic=(True, True, False), name="Sr2RuO4")


def superconductor(kBT):
    normal = normal_state()
    gap = pairing("p+ip", DELTA, d_vector=(0, 0, 1)).on(normal, "nambu").with_Tc(T_C)
    return bogoliubov_system(normal, gap, 0.0, basis="nambu", kBT=kBT)


def calculate(mesh):
    """Everything at temperatures up to 0.9 T_c."""
    kBT = T_C * np.array([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
    calculators = {
        name: SUMS[name].calculator(kBT=kBT, operator="charge", degen_thresh=1e-6)
        for name in [*MAGNETIZATIONS, "equilibrium_current"]
    }
    calculators |= {name: SUMS[name].calculator(kBT=kBT, degen_thresh=1e-6) for name in ("thermal_hall", "smallest_energy")}
    return wb_conserved.run(superconductor(kBT), mesh, calculators).to_dataset()


def draw(file, datasets):
    """Local and global parts of M, and M_F, against T/T_c; two meshes, the coarse one pale."""
    from matplotlib.figure import Figure

    with fonts():
        figure = Figure(figsize=(COLUMN, 3.6), layout="constrained", dpi=300)
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[2, 1])
        for dataset, alpha in zip(datasets, (0.4, 1.0), strict=True):
            _, interband, circuits, of_curvature, response = (1e3 * dataset[name].sel(a="z") for name in MAGNETIZATIONS)
            t = dataset["kBT"] / T_C
            curves = {r"local, $M_1+M_2$": interband + circuits, r"global, $M_{\mathrm{g}}$": of_curvature}
            for (label, values), style in zip(curves.items(), STYLES, strict=False):
                upper.plot(t, values, label=label if alpha == 1 else None, alpha=alpha, **style)
            lower.plot(t, response, label=r"$M_{\mathrm{F}}$" if alpha == 1 else None, alpha=alpha, **STYLES[4])
        for panel in (upper, lower):
            panel.axhline(0, color="black", linewidth=0.5, zorder=1)
            panel.tick_params(direction="in", top=True, right=True)
            panel.legend(frameon=False, fontsize=SMALL)
        figure.supylabel(r"$M$   [$10^{-3}\,\mu_{\mathrm{B}}$ per cell]", fontsize=8)
        lower.set(xlabel=r"$T/T_{\mathrm{c}}$", xlim=(0, 0.9))
        figure.savefig(file)


def main(folder=ROOT / "results" / "chiral_p_wave", meshes=(120, 180)):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    datasets = [calculate(mesh) for mesh in meshes]
    print(format_table(datasets[-1], None))
    draw(folder / "magnetization.png", datasets)
    for dataset in datasets:
        # the symmetry of the lattice holds the current at zero, not the magnetization
        assert np.abs(dataset["equilibrium_current"]).max() < 1e-8
        parts = sum(dataset[name] for name in MAGNETIZATIONS[1:4])
        np.testing.assert_allclose(parts, dataset["orbital_magnetization"], atol=1e-12)
    coarse, fine = (dataset["magnetization_response"].sel(a="z") for dataset in datasets)
    np.testing.assert_allclose(coarse, fine, rtol=0.05)
    assert np.abs(fine).max() > 1e-5
    print(f"wrote {', '.join(sorted(file.name for file in folder.iterdir()))} to {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
