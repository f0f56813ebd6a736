"""Platinum from atoms to σ_K: Quantum ESPRESSO and Wannier90 through ASE, then wb_conserved.

Needs pw.x, pw2wannier90.x and wannier90.x and a fully relativistic pseudopotential of platinum (on Debian and Ubuntu
apt-get install quantum-espresso quantum-espresso-data wannier90); some minutes on one core.

    python tutorials/quantum_espresso/platinum.py --pseudo /usr/share/espresso/pseudo [--folder platinum-run] [--points 4]

Every step leaves its files in the folder; those of Quantum ESPRESSO that are complete are not repeated.
"""

import argparse
import itertools
import shutil
import subprocess
from pathlib import Path

import ase.io
import numpy as np
from ase.build import bulk
from ase.io.espresso import write_espresso_in

import wb_conserved
from wb_conserved.calculators.static import ConventionalSpinConductivity, KuboConservedSpinConductivity

PSEUDO = "Pt.rel-pbe-n-rrkjus.UPF"  # in Debian's package; any fully relativistic one does
BANDS, FUNCTIONS = 40, 18  # d, s and p of both spins
WINDOW = (0.0, 30.0)  # eV: inside, the bands of the functions are those of the crystal


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pseudo", default="/usr/share/espresso/pseudo", help="folder of pseudopotentials")
    parser.add_argument("--folder", type=Path, default=Path("platinum-run"))
    parser.add_argument("--points", type=int, default=4, help="of the ab initio mesh of the functions, along each direction")
    parser.add_argument("--scf-points", type=int, default=12, help="of the mesh of the scf calculation")
    parser.add_argument("--mesh", type=int, default=24, help="of the interpolation, along each direction")
    return parser.parse_args()


def step(folder, output, *command):
    """Run a program in the folder, unless its output is complete."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed: see the head of {__file__}")
    path = folder / output
    if path.exists() and "JOB DONE" in path.read_text(errors="replace"):
        return
    print(" ".join(command), flush=True)
    with open(path, "w", encoding="utf-8") as file:
        done = subprocess.run(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: see {path}")


def pw_input(path, atoms, options, calculation, kpoints):
    """Input of pw.x: spin-orbit coupling, and for the nscf run all k points, which Wannier90 needs."""
    data = {
        "calculation": calculation, "prefix": "Pt", "outdir": "./out", "pseudo_dir": str(Path(options.pseudo).resolve()),
        "ecutwfc": 40, "ecutrho": 320, "noncolin": True, "lspinorb": True, "conv_thr": 1e-9,
        "occupations": "smearing", "smearing": "m-v", "degauss": 0.02,
    }  # fmt: skip
    if calculation == "nscf":
        data |= {"nbnd": BANDS, "nosym": True, "noinv": True}
    with open(path, "w", encoding="utf-8") as file:
        write_espresso_in(file, atoms, input_data=data, pseudopotentials={"Pt": PSEUDO}, kpts=kpoints)


def win_input(path, atoms, points, kpoints):
    """Input of wannier90.x: projected functions (num_iter = 0), which keep the symmetry of the crystal."""
    rows = [
        f"num_bands = {BANDS}", f"num_wann = {FUNCTIONS}", "num_iter = 0", "guiding_centres = T", "spinors = true",
        f"dis_win_min = {WINDOW[0]}", "dis_win_max = 60.0", f"dis_froz_min = {WINDOW[0]}", f"dis_froz_max = {WINDOW[1]}",
        "dis_num_iter = 2000", "dis_conv_tol = 1e-10", "write_tb = true", "begin projections", "Pt: d;s;p", "end projections",
        "begin unit_cell_cart", "ang", *_vectors(atoms.cell.array), "end unit_cell_cart",
        "begin atoms_frac", *map(" ".join, zip(atoms.symbols, _vectors(atoms.get_scaled_positions()), strict=True)),
        "end atoms_frac", f"mp_grid = {points} {points} {points}", "begin kpoints", *_vectors(kpoints), "end kpoints",
    ]  # fmt: skip
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _vectors(array):
    return ["  ".join(f"{value:.10f}" for value in row) for row in np.atleast_2d(array)]


def main():
    options = arguments()
    folder, points = options.folder, options.points
    folder.mkdir(parents=True, exist_ok=True)
    atoms = bulk("Pt", "fcc", a=3.92)
    kpoints = np.array(list(itertools.product(np.arange(points) / points, repeat=3)))
    weights = np.full((len(kpoints), 1), 1 / len(kpoints))

    # a. charge density, then all states on the full mesh
    pw_input(folder / "scf.in", atoms, options, "scf", (options.scf_points,) * 3)
    pw_input(folder / "nscf.in", atoms, options, "nscf", np.hstack([kpoints, weights]))
    step(folder, "scf.out", "pw.x", "-in", "scf.in")
    step(folder, "nscf.out", "pw.x", "-in", "nscf.in")

    # b. overlaps, projections and spins of these states; Wannier functions
    win_input(folder / "Pt.win", atoms, points, kpoints)
    words = "outdir='./out', prefix='Pt', seedname='Pt', write_amn=.true., write_mmn=.true., write_spn=.true."
    (folder / "pw2wan.in").write_text(f"&inputpp\n {words}\n/\n", encoding="utf-8")
    step(folder, "pp.out", "wannier90.x", "-pp", "Pt")
    step(folder, "pw2wan.out", "pw2wannier90.x", "-in", "pw2wan.in")
    step(folder, "wannier90.out", "wannier90.x", "Pt")

    # c. the Fermi level is that of the scf run: ASE reads it (that of the nscf run is of a coarse mesh)
    level = ase.io.read(folder / "scf.out").calc.get_fermi_level()
    system = wb_conserved.load_system(folder / "Pt")
    system.set_pointgroup(["C4z", "C4x", "Inversion", "TimeReversal"])
    settings = {"Efermi": [level], "kBT": 0.025, "degen_thresh": 0.01}  # eV
    calculators = {
        "kubo": KuboConservedSpinConductivity(**settings),
        "conventional": ConventionalSpinConductivity(**settings),
    }
    data = wb_conserved.run(system, options.mesh, calculators).to_dataset(fermi_level_eV=level)
    print(f"Fermi level {level:.4f} eV; xyz on {options.mesh}³ points:")
    for sigma in data.sel(i="x", l="y", s="z").data_vars.values():
        print(f"{sigma.symbol:<8} {sigma.item(0):.0f} {sigma.units}")


if __name__ == "__main__":
    main()
