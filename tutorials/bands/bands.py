"""Torque dipole and orbital moment of s_z along a path and on the Fermi surface of tellurium.

python tutorials/bands/bands.py [FOLDER]       pictures and FermiSurfer files go to FOLDER (default: results/bands)
"""

import sys
from pathlib import Path

import wannierberri
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved.calculators import tabulate
from wb_conserved.results import plot_bands

ROOT = Path(__file__).parents[2]
FERMI_LEVEL = 6.079  # eV
TABULATORS = {"torque dipole": tabulate.TorqueDipole, "orbital moment": tabulate.OrbitalMoment}


def tabulators():
    return {name: kind(degen_thresh=1e-3) for name, kind in TABULATORS.items()}


def main(folder=ROOT / "results" / "bands", mesh=12):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    system = wb_conserved.load_system(ROOT / "data" / "te" / "Te")

    nodes, labels = [[0, 0, 0.5], [1 / 3, 1 / 3, 0.5], [1 / 3, 1 / 3, 0], [0, 0, 0]], ["A", "H", "K", "Γ"]
    path = wannierberri.Path.from_nodes(system, nodes=nodes, labels=labels, dk=0.02)
    run = {"bands": TabulatorAll(tabulators(), mode="path")}
    table = wb_conserved.run(system, path, run).results["bands"]
    for name, component in (("torque dipole", "xy"), ("orbital moment", "zz")):
        plot_bands(
            table,
            path,
            name,
            component,
            file=folder / f"{name.replace(' ', '_')}_{component}.png",
            fermi_level=FERMI_LEVEL,
            window=(-3.0, 3.0),
            title="Te",
            unit=TABULATORS[name].unit.replace("[s]", "ħ"),
        )

    # on a mesh, for FermiSurfer: open the .frmsf file with it
    run = {"bands": TabulatorAll(tabulators(), mode="grid")}
    table = wb_conserved.run(system, mesh, run).results["bands"]
    text = table.fermiSurfer(quantity="torque dipole", component="xy", efermi=FERMI_LEVEL - 0.3)
    (folder / "torque_dipole_xy.frmsf").write_text(text)
    print(f"wrote {', '.join(sorted(file.name for file in folder.iterdir()))} to {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
