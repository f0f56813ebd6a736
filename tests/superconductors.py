"""Models of superconductors with known numbers, and what is calculated of them."""

import numpy as np

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import lattice_system
from wb_conserved.models.kp import PAULI
from wb_conserved.operators import CHARGE
from wb_conserved.quasiparticles import bogoliubov_system, pairing
from wb_conserved.units import BOHR_MAGNETON_AREA

SHEET = {"periodic": (True, True, False)}
D_WAVE = {(1, 0, 0): 0.25, (0, 1, 0): -0.25, (1, 1, 0): -0.075j, (1, -1, 0): 0.075j}
"""0.5 (cos k_x − cos k_y) + 0.3i sin k_x sin k_y."""
CHIRAL_D = pairing("d_x2-y2", 0.5) + pairing("d_xy", -0.15j, shell=2)
CHIRAL_P = pairing("p+ip", 0.5)


def spinful(matrix):
    """The same for both spins, up and down next to each other."""
    return np.kron(matrix, np.eye(2))


def square(odd=0.0, spin=False, level=0.8):
    """−2 (cos k_x + cos k_y) + level + odd sin k_x, model A."""
    hoppings = {(0, 0, 0): [[level]], (1, 0, 0): [[-1 - 0.5j * odd]], (0, 1, 0): [[-1.0]]}
    sigma = np.moveaxis(PAULI, 0, -1) if spin else None
    double = spinful if spin else np.array
    return lattice_system(np.diag([1.0, 1.0, 10.0]), {R: double(h) for R, h in hoppings.items()}, sigma, **SHEET)


def chern(spin=False):
    """sin k_x σ_x + sin k_y σ_y + (0.7 + cos k_x + 0.6 cos k_y) σ_z + 0.4 cos k_x − 0.3, model B: σ are orbitals."""
    hoppings = {
        (0, 0, 0): 0.7 * PAULI[2] - 0.3 * np.eye(2),
        (1, 0, 0): -0.5j * PAULI[0] + 0.5 * PAULI[2] + 0.2 * np.eye(2),
        (0, 1, 0): -0.5j * PAULI[1] + 0.3 * PAULI[2],
    }
    sigma = np.stack([np.kron(np.eye(2), s) for s in PAULI], axis=-1) if spin else None
    double = spinful if spin else np.array
    return lattice_system(np.diag([1.0, 1.0, 10.0]), {R: double(h) for R, h in hoppings.items()}, sigma, **SHEET)


def chiral_d(odd=0.0, basis="singlet", spin=False):
    """Model A with d+id."""
    return bogoliubov_system(square(odd, spin), CHIRAL_D, 0.0, basis=basis)


def chiral_p(odd=0.0):
    """Model A with p+ip, one spin species."""
    return bogoliubov_system(square(odd), CHIRAL_P, 0.0, basis="nambu")


PARTS = ("magnetization_interband", "magnetization_circuits", "magnetization_global")
EVERY = ("orbital_magnetization", *PARTS, "magnetization_response")


def calculate(system, names, mesh, kBT, operator="charge", levels=None, **options):
    """Results of quantities by name."""
    calculators = {}
    for name in names:
        kind, own = SUMS[name].calculator, {"kBT": kBT, "degen_thresh": 1e-6, **options}
        if SUMS[name].of_observable:
            own["operator"] = operator
        calculators[name] = kind(levels, **own)
    return {name: result.data for name, result in wb_conserved.run(system, mesh, calculators).results.items()}


def magnetization(system, mesh, kBT=0.2, names=EVERY, **options):
    """M and its parts along z, in eV Å² and e = 1."""
    found = calculate(system, names, mesh, kBT, **options)
    return {name: -BOHR_MAGNETON_AREA * float(found[name].reshape(-1, 3)[0, 2]) for name in names}


def geometry(system, kpoints, observable=CHARGE, threshold=1e-6):
    """Band geometry of some k points (Cartesian, lattice constant 1)."""
    batch = interpolated_batch(WannierInterpolator(system), np.asarray(kpoints) / (2 * np.pi))
    return BandGeometry(batch, system.particles.observable(observable), threshold, False, False)
