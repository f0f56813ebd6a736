"""Platinum with projected and with maximally localised Wannier functions: what the multiplet threshold does.

python tutorials/multiplets/multiplets.py [MESH]       default 16; a minute on one core
"""

import sys
from pathlib import Path

import wb_conserved
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    KuboConservedSpinConductivity,
)

ROOT = Path(__file__).parents[2]
FERMI_LEVEL, KBT = 18.1, 0.05  # eV
THRESHOLDS = [1e-4, 0.01, 0.05, 0.2]
XYZ = (0, 1, 2)
KINDS = {
    "σ_K": KuboConservedSpinConductivity,
    "σ_in": ConservedSpinConductivity,
    "σ_B": BerrySpinConductivity,
    "σ_conv": ConventionalSpinConductivity,
}


def main(mesh=16):
    reports = {}
    for name, folder in (("projected", "pt"), ("maximally localised", "pt_mlwf")):
        system = wb_conserved.load_system(ROOT / "data" / folder / "Pt")
        print(f"\nPlatinum, {name} Wannier functions, mesh {mesh}^3, E_F {FERMI_LEVEL} eV, kBT {KBT} eV")
        print(wb_conserved.kramers_pairs(system, window=(FERMI_LEVEL - 1, FERMI_LEVEL + 1)))
        reports[name] = wb_conserved.scan_thresholds(system, mesh, KINDS, THRESHOLDS, FERMI_LEVEL, kBT=KBT)
        print(reports[name].table(XYZ))
        print("k points that contribute most to σ_B:")
        calculator = BerrySpinConductivity(FERMI_LEVEL, kBT=KBT, degen_thresh=1e-4)
        print(wb_conserved.near_crossings(system, mesh, calculator, XYZ, number=3))
    return reports


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
