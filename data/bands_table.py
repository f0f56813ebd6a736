"""Print k points (reduced coordinates) and band energies (eV) of a calculation of Quantum ESPRESSO.

    python data/bands_table.py INPUT XML FIRST COUNT

INPUT is the input of pw.x, with K_POINTS crystal; XML is the file prefix.xml that it left in its outdir; printed are COUNT
bands from number FIRST on, counted from 1.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HARTREE = 27.211386245988  # eV


def main(source, xml, first, count):
    """One line for each k point."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("K_POINTS crystal")) + 2
    points = [line.split()[:3] for line in lines[start:] if line.strip()]
    bands = [element.text.split() for element in ElementTree.parse(xml).iterfind(".//ks_energies/eigenvalues")]
    for point, energies in zip(points, bands, strict=True):
        chosen = (float(energy) * HARTREE for energy in energies[first - 1 : first - 1 + count])
        print(*point, *(f"{energy:.4f}" for energy in chosen))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
