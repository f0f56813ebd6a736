"""Orbital Hall effect of p-orbital models, with their known limits checked.

1. s and p orbitals on the simple cubic lattice, as in D. Go, D. Jo, C. Kim and H.-W. Lee, Phys. Rev. Lett. 121, 086602
   (2018): an orbital Hall effect without spin-orbit coupling, due to hops between s and p.
2. p_x and p_y on the honeycomb lattice with a gap from the coupling to L_z: quantised where L_z is conserved.

Run: python orbital_hall.py
"""

import numpy as np

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.models import lattice_system
from wb_conserved.operators import orbital_angular_momentum
from wb_conserved.units import CONDUCTANCE

X, Y, Z = 0, 1, 2
QUANTUM = CONDUCTANCE / (2 * np.pi)  # e²/h in S
DEFINITIONS = {
    "σ_conv": static.ConventionalSpinConductivity,
    "σ_in": static.ConservedSpinConductivity,
    "σ_B": static.BerrySpinConductivity,
    "σ_K": static.KuboConservedSpinConductivity,
}


def cubic_sp(sp=0.5, sigma=0.5, pi=-0.2, s=-0.5, onsite_s=3.2, onsite_p=-0.5, lattice_constant=3.0):
    """s, p_z, p_x, p_y on the simple cubic lattice, hops to nearest neighbours in eV.

    `sigma` and `pi` are the hops between p orbitals along and across the bond, `sp` that between s and the p along it.
    """
    hops = {(0, 0, 0): np.diag([onsite_s, onsite_p, onsite_p, onsite_p])}
    for axis, orbital in ((X, 2), (Y, 3), (Z, 1)):
        matrix = np.diag([s, pi, pi, pi]).astype(float)
        matrix[orbital, orbital] = sigma
        matrix[0, orbital], matrix[orbital, 0] = sp, -sp  # p is odd along the bond
        hops[tuple(np.eye(3, dtype=int)[axis].tolist())] = matrix
    return lattice_system(lattice_constant * np.eye(3), hops, name="cubic_sp")


def honeycomb_p(sigma, pi, flux, lattice_constant=3.0):
    """p_x, p_y on the honeycomb lattice (A, then B): hops `sigma` along and `pi` across the bonds, i·flux·ν·L_z to second
    neighbours, ν = ±1 as in the model of C. L. Kane and E. J. Mele with L_z for σ_z (eV)."""
    lattice = lattice_constant * np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 5]])
    site_b = (lattice[0] + lattice[1]) / 3
    angular_momentum = np.array([[0, -1j], [1j, 0]])  # L_z between p_x and p_y
    hops = {(0, 0, 0): np.zeros((4, 4), dtype=complex)}
    for vector in [(0, 0, 0), (1, 0, 0), (0, 1, 0)]:
        bond = (site_b - np.array(vector) @ lattice)[:2]
        bond = bond / np.linalg.norm(bond)
        matrix = np.zeros((4, 4), dtype=complex)
        matrix[2:, :2] = sigma * np.outer(bond, bond) + pi * (np.eye(2) - np.outer(bond, bond))  # from A to B
        hops[vector] = matrix + matrix.conj().T if vector == (0, 0, 0) else matrix
    second = 1j * flux * np.kron(np.diag([1, -1]), angular_momentum)
    hops[1, 0, 0] = hops[1, 0, 0] + second
    hops[-1, 1, 0] = second
    hops[0, 1, 0] = hops[0, 1, 0] + second.conj().T
    centers = np.repeat([0 * site_b, site_b], 2, axis=0)
    return lattice_system(lattice, hops, centers=centers, periodic=(True, True, False), name="honeycomb_p")


def orbital_hall(system, shells, level, mesh, kBT):
    """Tensors σ^{ils}, s = L in ħ, by the four definitions."""
    momentum = orbital_angular_momentum(shells)
    calculators = {name: kind([level], kBT=kBT, operator=momentum) for name, kind in DEFINITIONS.items()}
    results = wb_conserved.run(system, mesh, calculators).results
    return {name: results[name].data[0] for name in DEFINITIONS}


def check(statement, difference, tolerance):
    """Print the largest difference, and stop where it is too large."""
    print(f"  {statement:66s} {difference:8.1e}")
    if not difference <= tolerance:
        raise SystemExit(f"{statement}: expected a difference of at most {tolerance}, found {difference:.2e}")


def show(label, values, unit):
    text = "  ".join(f"{name} {tensor[X, Y, Z] / unit:9.4f}" for name, tensor in values.items())
    print(f"{label:34s} {text}")


def cubic():
    """The sp model: returns σ by the hop between s and p."""
    mesh, level, kBT, shells = 12, 0.0, 0.1, ["s", "p"]
    print("s and p on the simple cubic lattice: σ^{xyz} in (ħ/|e|) S/cm")
    by_hop = {sp: orbital_hall(cubic_sp(sp), shells, level, mesh, kBT) for sp in (0.0, 0.25, 0.5)}
    for sp, values in by_hop.items():
        show(f"sp hop {sp} eV", values, 1.0)
    epsilon = np.zeros((3, 3, 3))
    epsilon[X, Y, Z] = epsilon[Y, Z, X] = epsilon[Z, X, Y] = 1
    epsilon -= epsilon.swapaxes(0, 1)
    largest = max(np.abs(tensor).max() for tensor in by_hop[0.5].values())
    check("no sp hop: none, p_x, p_y and p_z do not mix", max(np.abs(t).max() for t in by_hop[0.0].values()), 1e-8)
    for name, tensor in by_hop[0.5].items():
        check(
            f"{name}: cubic symmetry leaves σ ε_ils", np.abs(tensor - tensor[X, Y, Z] * epsilon).max(), 1e-8 * largest
        )
    system = cubic_sp(0.5)
    system.set_pointgroup(symmetry_gen=["C4z", "C4x", "Inversion", "TimeReversal"])
    reduced = orbital_hall(system, shells, level, mesh, kBT)
    difference = max(np.abs(reduced[name] - by_hop[0.5][name]).max() for name in DEFINITIONS)
    check("mesh reduced by the 96 operations: the same", difference, 1e-8 * largest)
    return by_hop


def honeycomb():
    """The honeycomb model: returns σ by the difference of the two hops."""
    mesh, kBT, shells = [48, 48, 1], 0.02, [("px", "py"), ("px", "py")]
    print("\np_x, p_y on the honeycomb lattice, second-neighbour coupling to L_z, gap: σ^{xyz} in e²/h (ħ/|e|)")
    by_hop = {}
    for difference in (0.0, 0.1, 0.4):
        system = honeycomb_p(1.0 + difference / 2, 1.0 - difference / 2, 0.2)
        by_hop[difference] = orbital_hall(system, shells, 0.0, mesh, kBT)
        show(f"σ hop less π hop {difference} eV", by_hop[difference], QUANTUM)
    quantised = max(abs(t[X, Y, Z] / QUANTUM + 2) for t in by_hop[0.0].values())
    check("equal hops: L_z is conserved, −2 by every definition", quantised, 1e-3)
    plain = orbital_hall(honeycomb_p(1.0, 1.0, 0.0), shells, -1.2, mesh, kBT)
    check(
        "equal hops, no coupling: H ∝ 1 in the shell, none",
        max(np.abs(t).max() for t in plain.values()) / QUANTUM,
        1e-8,
    )
    gapped = np.abs(by_hop[0.4]["σ_in"] - by_hop[0.4]["σ_B"]).max() / QUANTUM
    check("σ_in = σ_B in the gap", gapped, 1e-6)
    for name in ("σ_in", "σ_K"):
        tensor = by_hop[0.4][name][..., Z] / QUANTUM
        check(f"{name}: antisymmetric in the gap", np.abs(tensor + tensor.T).max(), 1e-4)
    if abs(by_hop[0.4]["σ_K"] - by_hop[0.4]["σ_conv"])[X, Y, Z] < 1e-3 * QUANTUM:
        raise SystemExit("expected σ_K and σ_conv to differ where L_z is not conserved")
    return by_hop


def main():
    """Both models."""
    return cubic(), honeycomb()


if __name__ == "__main__":
    main()
