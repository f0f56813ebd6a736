"""Write a calculation as a small folder of R-space matrices: symmetrised, rounded, and compressed.

    python data/real_space.py SEEDNAME FOLDER [--moment X Y Z ...] [--band-shift EV]

reads SEEDNAME.chk, .eig, .mmn, .spn, .nnkp and .win, restores the symmetry of the crystal (`load_system(symmetrize=True)`) with
the moment given for each atom (three numbers, μ_B), and writes Hamiltonian (eV), position (Å), spin (Pauli matrices), centres,
lattice and magnetic point group as .npz files, which `wb_conserved.load_system(FOLDER)` and WannierBerri's
`System_R.from_npz(FOLDER)` read. Numbers are rounded to multiples of a power of two, whose last bits are zero, so that they
compress well. Rounding treats X and −X alike, and so keeps Hermiticity and whatever symmetry takes elements to ±1 or ±i times
others.
"""

import argparse
import logging
import zipfile
from pathlib import Path

import numpy as np

from wb_conserved import load_system
from wb_conserved.io.checks import to_k

STEPS = {"Ham": 2.0**-24, "AA": 2.0**-22, "SS": 2.0**-22}
"""Multiples that elements are rounded to: eV, Å, 1."""


def rounded(values, step):
    """To multiples of a step, real and imaginary part each; without negative zeros."""
    return np.round(values.real / step) * step + 1j * (np.round(values.imag / step) * step) + 0.0


def energies(system, kpoints):
    """All bands, eV."""
    matrices = to_k(system, "Ham", kpoints)
    return np.linalg.eigvalsh(0.5 * (matrices + matrices.conj().swapaxes(1, 2)))


def save(system, folder):
    """`System_R.to_npz`, packed more tightly; the result is the same to every reader of .npz files."""
    system.to_npz(str(folder))
    for path in sorted(folder.glob("_XX_R_*.npz")):
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_LZMA) as archive:
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_LZMA)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seedname")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--moment", nargs=3, type=float, action="append", metavar=("X", "Y", "Z"))
    parser.add_argument("--band-shift", type=float, default=0.05, help="largest shift of a band by symmetrisation, eV")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    system = load_system(
        arguments.seedname, symmetrize=True, magnetic_moments=arguments.moment, symmetry_tolerance=arguments.band_shift
    )
    kpoints = np.random.default_rng(1).random((200, 3))
    before = energies(system, kpoints)
    for name, step in STEPS.items():
        system.set_R_mat(name, rounded(system.get_R_mat(name), step), reset=True)
    shift = np.abs(energies(system, kpoints) - before).max()
    print(f"{system.symmetry_report}\nrounding moves bands by {shift:.2g} eV at most")
    save(system, arguments.folder)


if __name__ == "__main__":
    main()
