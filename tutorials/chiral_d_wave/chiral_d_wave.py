"""A chiral d-wave superconductor: charge of its quasiparticles, Berry curvature, orbital magnetization and its parts, κ(T).

python tutorials/chiral_d_wave/chiral_d_wave.py [FOLDER]       pictures go to FOLDER (default: results/chiral_d_wave)

Square lattice with a term in sin k_x that breaks inversion, without which the orbital magnetization of one band vanishes.
Near T_c the gap is small, and M needs a mesh that resolves it: temperatures end at 0.9 T_c.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import wannierberri
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved.calculators import SUMS, tabulate
from wb_conserved.models import lattice_system
from wb_conserved.quasiparticles import bogoliubov_system, pairing
from wb_conserved.results import format_table, plot_bands
from wb_conserved.results.style import COLUMN, SMALL, STYLES, fonts

ROOT = Path(__file__).parents[2]
logging.getLogger("wb_conserved.driver.run").setLevel(logging.ERROR)  # few k points carry M: that is what the table counts
MAGNETIZATIONS = [
    "orbital_magnetization", "magnetization_interband", "magnetization_circuits", "magnetization_global",
    "magnetization_response",
]  # fmt: skip
T_C = 0.3  # k_B T_c, eV


def superconductor(kBT=None):
    """−2 (cos k_x + cos k_y) + 0.8 + 0.1 sin k_x, d+id: gapped."""
    hoppings = {(0, 0, 0): [[0.8]], (1, 0, 0): [[-1 - 0.05j]], (0, 1, 0): [[-1.0]]}
    normal = lattice_system(np.diag([1.0, 1.0, 10.0]), hoppings, periodic=(True, True, False), name="d+id")
    gap = (pairing("d_x2-y2", 0.5) + pairing("d_xy", -0.15j, shell=2)).on(normal, "singlet")
    if kBT is not None:
        gap = gap.with_Tc(T_C)
    return bogoliubov_system(normal, gap, 0.0, basis="singlet", kBT=kBT)


def bands(folder):
    """Bands coloured by their charge, and by their Berry curvature."""
    system = superconductor()
    nodes, labels = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0, 0, 0]], ["Γ", "X", "M", "Γ"]
    path = wannierberri.Path.from_nodes(system, nodes=nodes, labels=labels, dk=0.02)
    tabulators = {"charge": tabulate.Expectation(operator="charge"), "Berry curvature": tabulate.BerryCurvature()}
    table = wb_conserved.run(system, path, {"bands": TabulatorAll(tabulators, mode="path")}).results["bands"]
    looks = {"size": (COLUMN, 2.6), "energy_label": r"$E$   [eV]", "title": "chiral d wave"}
    with fonts():
        plot_bands(table, path, "charge", file=folder / "charge.png", limit=1.0, linear=True, unit="e", **looks)
        plot_bands(table, path, "Berry curvature", "z", file=folder / "berry_curvature.png", unit="Å²", **looks)
    return table.results["charge"].data


def temperatures(folder, mesh):
    """Everything against the temperature: the magnetization with its parts, and the thermal Hall effect."""
    kBT = np.array([0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.27])
    calculators = {
        name: SUMS[name].calculator(kBT=kBT, operator="charge", degen_thresh=1e-6)
        for name in [*MAGNETIZATIONS, "equilibrium_current", "total_current"]
    }
    calculators |= {name: SUMS[name].calculator(kBT=kBT, degen_thresh=1e-6) for name in ("thermal_hall", "specific_heat")}
    dataset = wb_conserved.run(superconductor(kBT), mesh, calculators).to_dataset()
    print(format_table(dataset, None))
    draw(folder / "temperatures.png", dataset)
    return dataset


def draw(file, dataset):
    """Parts of the magnetization that cancel, the rest, and κ/T, against T/T_c."""
    from matplotlib.figure import Figure

    looks = dict(zip(MAGNETIZATIONS, STYLES, strict=False))
    with fonts():
        figure = Figure(figsize=(COLUMN, 5.4), layout="constrained", dpi=300)
        panels = figure.subplots(3, sharex=True)
        t = dataset["kBT"] / T_C
        rest = [*MAGNETIZATIONS[:2], MAGNETIZATIONS[4]]
        for panel, names, power in ((panels[0], MAGNETIZATIONS[2:4], 3), (panels[1], rest, 6)):
            for name in names:
                letter, _, index = dataset[name].attrs["symbol"].replace("^s", "").partition("_")
                label = f"${letter}_{{\\mathrm{{{index}}}}}$" if index else "$M$"
                dashed = {"linestyle": (0, (3, 2)), "zorder": 7} if name == MAGNETIZATIONS[1] else {}
                panel.plot(t, 10**power * dataset[name].sel(a="z"), label=label, **looks[name] | dashed)
            panel.set_ylabel(rf"[$10^{{-{power}}}\,\mu_{{\mathrm{{B}}}}$ per cell]")
            panel.legend(frameon=False, fontsize=SMALL)
        panels[2].plot(t, dataset["thermal_hall"].sel(i="x", l="y"), **STYLES[0])
        panels[2].axhline(2, **STYLES[2])
        label = r"$\kappa_{xy}/T$   [$\pi^2k_{\mathrm{B}}^2/3h$]"
        panels[2].set(xlabel=r"$T/T_{\mathrm{c}}$", ylabel=label, ylim=(0, 2.2))
        for panel in panels:
            panel.tick_params(direction="in", top=True, right=True)
            panel.axhline(0, color="black", linewidth=0.5, zorder=1)
            panel.set_xlim(0, 0.9)
        figure.savefig(file)


def main(folder=ROOT / "results" / "chiral_d_wave", mesh=200):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    charge = bands(folder)
    assert np.abs(charge).max() <= 1 + 1e-12
    dataset = temperatures(folder, mesh)
    whole, interband, circuits, of_curvature, _ = (dataset[name].sel(a="z").values for name in MAGNETIZATIONS)
    # one band: what is left of M is its interband part, as the circuits and the global part cancel
    resolved = dataset["kBT"].values < 0.65 * T_C
    np.testing.assert_allclose(whole[resolved], interband[resolved], atol=1e-5 * np.abs(circuits).max())
    np.testing.assert_allclose(circuits[resolved], -of_curvature[resolved], atol=1e-5 * np.abs(circuits).max())
    np.testing.assert_allclose(dataset["total_current"].sel(i="x"), 0, atol=1e-6)
    coldest = float(dataset["thermal_hall"].sel(i="x", l="y")[0])
    assert abs(coldest - 2) < 0.01, coldest  # Chern number −2, both spins in
    print(f"κ/T = {coldest:.4f} π²k_B²/3h at T/T_c = {float(dataset['kBT'][0]) / T_C:.2f}")
    print(f"wrote {', '.join(sorted(file.name for file in folder.iterdir()))} to {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
