"""Bosonic models for tests: random Bogoliubov Hamiltonians, and the spin waves of the honeycomb lattice.

H = ½ Σ_k Ψ†H(k)Ψ with Ψ = (b_k, b†_−k): H(R) = [[A(R), B(R)], [B(R)*, A(R)*]], B(−R) = B(R)ᵀ.
"""

import numpy as np

from wb_conserved.interpolation import PARAUNITARY, WannierInterpolator
from wb_conserved.models import lattice_system

LATTICE = np.array([[1.0, 0.2, 0.0], [-0.1, 1.1, 0.0], [0.0, 0.3, 0.9]])


def complex_normal(generator, *shape):
    return generator.normal(size=shape) + 1j * generator.normal(size=shape)


def random_unitary(generator, n):
    return np.linalg.qr(complex_normal(generator, n, n))[0]


def bogoliubov(particles, pairing):
    """Hoppings {R: H(R)} of half of the R vectors from A(R) and B(R)."""
    return {R: np.block([[particles[R], pairing[R]], [pairing[R].conj(), particles[R].conj()]]) for R in particles}


def random_blocks(n=3, seed=0, pairing=1.0, copies=1):
    """Random A(R) and B(R), positive definite as a whole; with copies, n multiplets of so many exactly degenerate bands,
    in a basis that mixes them."""
    generator = np.random.default_rng(seed)
    vectors = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)]
    A, B = ({R: 0.4 * complex_normal(generator, n, n) for R in vectors} for _ in range(2))
    A[0, 0, 0] = A[0, 0, 0] + A[0, 0, 0].conj().T
    B[0, 0, 0] = B[0, 0, 0] + B[0, 0, 0].T
    B = {R: pairing * matrix for R, matrix in B.items()}
    grid = np.stack(np.meshgrid(*[np.arange(6) / 6] * 3, indexing="ij"), -1).reshape(-1, 3)
    interpolator = WannierInterpolator(lattice_system(LATTICE, bogoliubov(A, B)))
    A[0, 0, 0] = A[0, 0, 0] + (1.0 - interpolator.band_energies(grid).min()) * np.eye(n)
    if copies > 1:
        mixing = random_unitary(generator, n * copies)
        A = {R: mixing.conj().T @ np.kron(matrix, np.eye(copies)) @ mixing for R, matrix in A.items()}
        B = {R: mixing.conj().T @ np.kron(matrix, np.eye(copies)) @ mixing.conj() for R, matrix in B.items()}
    return A, B


def random_forms(n, seed=5):
    """Random Hermitian matrices (i, j, 3) of three observables."""
    matrix = complex_normal(np.random.default_rng(seed), n, n, 3)
    return matrix + matrix.conj().swapaxes(0, 1)


def random_bosons(n=3, seed=0, pairing=1.0, copies=1, centers=False):
    """System of 2n·copies functions, three random observables in the place of Pauli matrices.

    With centers, at random positions, of which the observables are functions: they mix but b and b† of one site.
    """
    A, B = random_blocks(n, seed, pairing, copies)
    positions = np.zeros((n * copies, 3))
    forms = random_forms(2 * n * copies)
    if centers:
        positions = random_positions(n, seed)
        forms = forms * np.tile(np.eye(n), (2, 2))[:, :, None]
    system = lattice_system(LATTICE, bogoliubov(A, B), forms, np.tile(positions, (2, 1)))
    system.eigensolver = PARAUNITARY
    return system


def random_positions(n, seed):
    return np.random.default_rng(seed + 1).uniform(-0.3, 0.3, size=(n, 3))


def honeycomb_magnons(exchange, directions):
    """Spin waves of E = ½ΣSJS − 0.05 ΣS_z², S = 1, both spins along ±z, with Dzyaloshinskii-Moriya coupling 0.1 of second
    neighbours; spin s^z in the place of the third Pauli matrix; square cell of area 1, of which nothing here depends.

    S_i = ū_i b_i + u_i b_i† (times √½) + n_i (1 − b_i†b_i), u = e_1 + i e_2: A_ij = ½ u_i J_ij ū_j − δ_ij Σ n_i J_ij n_j,
    B_ij = ½ u_i J_ij u_j, and 2 · 0.05 on the diagonal of A.
    """
    sites = [np.array([[1, 0, 0], [0, n, 0], [0, 0, n]], dtype=float) for n in directions]  # e_1, e_2, n
    u = [frame[0] + 1j * frame[1] for frame in sites]
    J = {}
    for R in ((0, 0), (-1, 0), (0, -1)):
        J[R, 0, 1] = J[(-R[0], -R[1]), 1, 0] = exchange * np.eye(3)
    antisymmetric = 0.1 * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    for R in ((1, 0), (-1, 1), (0, -1)):
        for site, sign in ((0, 1), (1, -1)):
            J[R, site, site] = sign * antisymmetric
            J[(-R[0], -R[1]), site, site] = -sign * antisymmetric
    H = {(0, 0, 0): 0.1 * np.eye(4, dtype=complex)}
    for (R, i, j), coupling in J.items():
        block = H.setdefault((*R, 0), np.zeros((4, 4), dtype=complex))
        A, B = 0.5 * u[i] @ coupling @ u[j].conj(), 0.5 * u[i] @ coupling @ u[j]
        block[i, j] += A
        block[i, j + 2] += B
        block[i + 2, j] += B.conj()
        block[i + 2, j + 2] += A.conj()
        for place in (i, i + 2):
            H[0, 0, 0][place, place] -= sites[i][2] @ coupling @ sites[j][2]
    half = {R: matrix for R, matrix in H.items() if R >= (0, 0, 0)}
    spin = np.zeros((4, 4, 3))
    spin[range(4), range(4), 2] = -2 * np.tile(directions, 2)  # s = σ/2
    system = lattice_system(np.eye(3), half, spin, periodic=(True, True, False))
    system.eigensolver = PARAUNITARY
    return system
