"""Layer pseudospin Hall effect of a sliding bilayer, with its known limits checked.

Two honeycomb layers with the flux of F. D. M. Haldane, Phys. Rev. Lett. 61, 2015 (1988), coupled by hops that decay with
distance; the upper layer slides along the armchair direction.  Run: python layer_hall.py
"""

import numpy as np

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.models import lattice_system
from wb_conserved.operators import layer
from wb_conserved.units import CONDUCTANCE

LATTICE_CONSTANT, DISTANCE = 2.46, 3.35  # Å
DECAY, REACH = 0.45, 2.5  # Å, of the hops between the layers
MESH = [36, 36, 1]
GAP, BAND = 0.0, -0.9  # Fermi levels, eV
QUANTUM = CONDUCTANCE / (2 * np.pi)  # e²/h in S

DEFINITIONS = {
    "σ_conv": static.ConventionalSpinConductivity,
    "σ_in": static.ConservedSpinConductivity,
    "σ_B": static.BerrySpinConductivity,
    "σ_K": static.KuboConservedSpinConductivity,
}


def sliding_bilayer(upper_flux, lower_flux, coupling, slide=0.0, bias=0.0, hopping=1.0):
    """Bilayer with second-neighbour hops ±i·flux in each layer (eV).

    A layer alone has Chern number ±1, the sign that of its flux, and the gap 6√3 |flux|.

    Parameters
    ----------
    upper_flux, lower_flux, coupling, bias, hopping : float
        eV; `coupling` is the hop between functions above each other, `bias` the potential of the upper layer less that of
        the lower.
    slide : float
        In units of a bond: 0 is AA stacking, 1 AB stacking.
    """
    a1, a2 = LATTICE_CONSTANT * np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0]])
    lattice = np.array([a1, a2, [0, 0, 20.0]])
    bond = (a1 + a2) / 3
    low = np.array([0 * bond, bond])
    sites = np.concatenate([low, low + slide * bond + [0, 0, DISTANCE]])
    hops = {}
    for vector in np.ndindex(5, 5):
        R = np.array([*vector, 2]) - 2
        matrix = np.zeros((4, 4), dtype=complex)
        for i, j in np.ndindex(4, 4):
            step = sites[j] + R @ lattice - sites[i]
            flat = np.linalg.norm(step[:2])
            if i // 2 != j // 2:
                if flat < REACH:
                    matrix[i, j] = coupling * np.exp(-(np.hypot(flat, DISTANCE) - DISTANCE) / DECAY)
            elif i != j and np.isclose(flat, np.linalg.norm(bond)):
                matrix[i, j] = hopping
            elif i == j and np.isclose(flat, LATTICE_CONSTANT):
                # along a1, a2 − a1 and −a2 with one sign on A and the other on B, against them the opposite
                along = np.cos(3 * np.arctan2(step[1], step[0]))
                matrix[i, j] = 1j * (lower_flux if i < 2 else upper_flux) * np.sign(along) * (-1) ** i
            elif i == j and flat < 1e-9:
                matrix[i, j] = 0.5 * bias * (1 if i >= 2 else -1)
        if np.any(matrix) and tuple(R) >= tuple(-R):  # one of R and −R is enough
            hops[tuple(int(x) for x in R)] = matrix
    return lattice_system(lattice, hops, centers=sites, periodic=(True, True, False), name="sliding_bilayer")


def layer_hall(system, level, **arguments):
    """σ^{xy} of the layer pseudospin in units of e²/h (over |e|), by the four definitions."""
    pseudospin = layer(system, z_cut=DISTANCE / 2)
    calculators = {
        name: kind([level], kBT=0.02, operator=pseudospin, **arguments) for name, kind in DEFINITIONS.items()
    }
    results = wb_conserved.run(system, MESH, calculators).results
    return {name: float(results[name].data[0, 0, 1]) / QUANTUM for name in DEFINITIONS}


def show(statement, values):
    text = "  ".join(f"{name} {value:9.5f}" for name, value in values.items())
    print(f"{statement:58s} {text}")


def check(statement, values, expected, tolerance):
    """Print the values, and stop where one is off."""
    show(statement, values)
    worst = max(abs(value - expected) for value in values.values())
    if not worst <= tolerance:
        raise SystemExit(f"{statement}: expected {expected} to {tolerance}, found a difference of {worst:.2e}")


def main():
    """Table of the limits; returns the conductivities of the coupled bilayer by slide."""
    print("layer pseudospin Hall conductivity σ^xy, e²/h per |e|\n")
    check("opposite fluxes, no coupling, gap: −2", layer_hall(sliding_bilayer(0.1, -0.1, 0.0), GAP), -2, 1e-3)
    check("fluxes exchanged: +2", layer_hall(sliding_bilayer(-0.1, 0.1, 0.0), GAP), 2, 1e-3)
    decoupled = layer_hall(sliding_bilayer(0.1, 0.0, 0.0, bias=0.4), BAND)
    check("one flux, no coupling, in a band: all equal", decoupled, decoupled["σ_conv"], 1e-9)
    for slide in (0.0, 0.5, 1.0):
        equal = layer_hall(sliding_bilayer(0.1, 0.1, 0.2, slide), BAND)
        check(f"equal layers, coupled, slide {slide}: inversion forbids it", equal, 0, 1e-9)
    weak = sliding_bilayer(0.1, -0.1, 0.03, 0.5)
    merged = layer_hall(weak, GAP, degen_thresh=0.2)
    check("opposite fluxes, coupling 0.03 eV, degen_thresh 0.2 eV", merged, -2, 5e-3)
    split = layer_hall(weak, GAP)
    check("the same, single bands: σ_conv and σ_K", {name: split[name] for name in ("σ_conv", "σ_K")}, -2, 5e-3)
    check("                        σ_in and σ_B", {name: split[name] for name in ("σ_in", "σ_B")}, 0, 5e-3)
    show(
        "equal layers, coupling 0.2 eV, slide 0.5, bias 0.4 eV",
        layer_hall(sliding_bilayer(0.1, 0.1, 0.2, 0.5, 0.4), BAND),
    )
    print("\nopposite fluxes, coupling 0.3 eV, in the gap: no longer quantised, and the definitions differ")
    coupled = {}
    for slide in (0.0, 0.5, 1.0):
        values = layer_hall(sliding_bilayer(0.1, -0.1, 0.3, slide), GAP)
        coupled[slide] = values
        show(f"slide {slide}", values)
        if abs(values["σ_K"] - values["σ_conv"]) < 1e-3:
            raise SystemExit(f"slide {slide}: expected σ_K and σ_conv to differ, found {values}")
    return coupled


if __name__ == "__main__":
    main()
