"""Write the potential of an impurity from two calculations: levels alone, and with the hops absorbed at an energy.

    python data/impurity.py CLEAN DEFECTIVE ATOM ENERGY FOLDER

reads the seednames CLEAN and DEFECTIVE (.chk, .eig, .mmn, .nnkp, .win), restores the symmetry of both crystals, prints what
`wb_conserved.disorder.impurity_from_difference` finds for the atom with the label ATOM, and writes FOLDER/ATOM_levels.npz and
FOLDER/ATOM.npz, with the hops absorbed at ENERGY (eV, of CLEAN), which `ImpurityPotential.load` reads.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from wb_conserved import load_system
from wb_conserved.disorder import impurity_from_difference

BAND_SHIFT = 2.0
"""Largest shift of a band by symmetrisation, eV: high bands between the points of a coarse mesh."""


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clean")
    parser.add_argument("defective")
    parser.add_argument("atom")
    parser.add_argument("energy", type=float)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    clean, defective = (
        load_system(seedname, spin=False, symmetrize=True, symmetry_tolerance=BAND_SHIFT)
        for seedname in (arguments.clean, arguments.defective)
    )
    for name, energy in ((f"{arguments.atom}_levels", None), (arguments.atom, arguments.energy)):
        found = impurity_from_difference(clean, defective, arguments.atom, energy=energy)
        print(f"{name}: {found}")
        print("eigenvalues of W, eV:", np.round(np.linalg.eigvalsh(found.potential), 3))
        found.save(arguments.folder / f"{name}.npz")


if __name__ == "__main__":
    main()
