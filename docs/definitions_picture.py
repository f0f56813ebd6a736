"""The picture of docs/definitions.md: four definitions of the spin Hall conductivity of platinum, and what they depend on.

    python docs/definitions_picture.py [--mesh 40]

Top: against the Fermi level.  Bottom: at the level of the scf calculation against the multiplet threshold, for functions that
keep the symmetry of the crystal (data/pt) and for maximally localised ones (data/pt_mlwf), which split Kramers pairs.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import wb_conserved
from wb_conserved.calculators import SUMS

ROOT = Path(__file__).parents[1]
LEVEL, THRESHOLD, KBT = 18.0874, 0.01, 0.025  # eV
STYLES = {
    "conventional": ("#000000", "--"),
    "kubo": ("#0072B2", "-"),
    "conserved": ("#D55E00", "-"),
    "berry": ("#009E73", ":"),
}
THRESHOLDS = np.geomspace(1e-3, 0.4, 14)


def platinum(name, generators=()):
    """The system; localised functions do not have the symmetry, so that their mesh is not reduced."""
    system = wb_conserved.load_system(ROOT / "data" / name / "Pt")
    system.set_pointgroup(list(generators))
    return system


def sigma(system, mesh, levels, thresholds):
    """σ^{xy,z} by quantity and threshold, each over the levels."""
    calculators = {
        (name, threshold): SUMS[name].calculator(levels, kBT=KBT, degen_thresh=threshold)
        for name in STYLES
        for threshold in thresholds
    }
    results = wb_conserved.run(system, mesh, calculators).results
    return {key: result.data[:, 0, 1, 2] for key, result in results.items()}


def main():
    """Compute and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=int, default=40)
    mesh = parser.parse_args().mesh
    plt.rcParams.update(
        {"font.size": 7.5, "lines.linewidth": 1.0, "axes.linewidth": 0.6, "mathtext.fontset": "dejavusans"}
    )
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8.6 / 2.54, 10 / 2.54), layout="constrained")
    energies = np.linspace(-4.0, 2.0, 121)
    symmetric = platinum("pt", ["C4z", "C4x", "Inversion", "TimeReversal"])
    scan = sigma(symmetric, mesh, LEVEL + energies, [THRESHOLD])
    of_threshold = sigma(symmetric, mesh, [LEVEL], THRESHOLDS)
    localised = sigma(platinum("pt_mlwf"), 25, [LEVEL], THRESHOLDS)
    for name, (colour, line) in STYLES.items():
        symbol, _, index = SUMS[name].calculator.symbol.partition("_")
        label = rf"${symbol}_\mathrm{{{index}}}$".replace("σ", r"\sigma")
        top.plot(energies, scan[name, THRESHOLD] / 1000, color=colour, linestyle=line, label=label)
        for values, marker in ((of_threshold, "o"), (localised, "x")):
            numbers = [values[name, threshold][0] / 1000 for threshold in THRESHOLDS]
            bottom.plot(THRESHOLDS, numbers, color=colour, linestyle=line, marker=marker, markersize=2.5)
    top.axvline(0, color="0.7", linewidth=0.6, zorder=0)
    unit = r"$\sigma^{xy,z}$ (10$^3$ ħ/|e| S/cm)"
    top.set(xlabel=r"$E - E_\mathrm{F}$ (eV)", ylabel=unit, xlim=(-4, 2), ylim=(-1.7, 2.6))
    top.legend(frameon=False, ncols=2, loc="upper left", handlelength=1.8, columnspacing=1.2)
    bottom.set(xscale="log", xlabel="multiplet threshold (eV)", ylabel=unit, xlim=(8e-4, 0.5), ylim=(0.3, 3.5))
    for marker, text in (("o", "symmetric functions"), ("x", "maximally localised")):
        bottom.plot([], [], color="0.4", marker=marker, markersize=2.5, linestyle="", label=text)
    bottom.legend(frameon=False, loc="upper right")
    for axes, letter in ((top, "a"), (bottom, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
        axes.tick_params(direction="in", top=True, right=True, width=0.6)
    figure.savefig(ROOT / "docs" / "definitions.png", dpi=250)


if __name__ == "__main__":
    main()
