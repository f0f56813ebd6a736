"""Models of superconductors with known numbers."""

import numpy as np

from wb_conserved.models import lattice_system
from wb_conserved.models.kp import PAULI
from wb_conserved.quasiparticles import bogoliubov_system, pairing

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
