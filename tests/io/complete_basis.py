"""A crystal of eight spinor orbitals, of which Bloch states of fewer bands and Wannier functions are made, in all files.

The orbitals are points at positions τ, so that r is diagonal, and complete: every product of operators is exact.  Bands are the
lowest six, Wannier functions four, projected on the spinors of two sites, that hold the lowest two bands exactly.
"""

import itertools
from pathlib import Path

import numpy as np
from conftest import record

LATTICE = np.array([[3.0, 0.0, 0.0], [0.6, 2.7, 0.0], [0.0, 0.5, 3.2]])
POSITIONS = np.array([[0.1, 0.2, 0.05], [1.5, 0.9, 0.7], [0.8, 1.9, 1.8], [2.2, 1.4, 2.6]])  # Å
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
SPIN = np.array([np.kron(np.eye(4), sigma) for sigma in PAULI])
ORBITALS, BANDS, FUNCTIONS, FROZEN = 8, 6, 4, 2
STEPS = np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0)])


def hoppings():
    """H(R), eV: without time reversal or inversion."""
    random = np.random.default_rng(5)
    zero = np.kron(np.diag([0.0, 2.5, 5.5, 8.0]), np.eye(2)).astype(complex)
    zero += 0.25 * np.kron(np.eye(4), PAULI[2] + 0.4 * PAULI[0])
    matrices = {(0, 0, 0): zero}
    for vector in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        matrix = 0.18 * (random.normal(size=(8, 8)) + 1j * random.normal(size=(8, 8)))
        for R, part in ((vector, matrix), (tuple(-i for i in vector), matrix.conj().T)):
            matrices[R] = matrices.get(R, 0) + part
    return matrices


HOPPINGS = hoppings()
TAU = np.repeat(POSITIONS, 2, axis=0)


def hamiltonian(k):
    """H (8, 8) and ∂_a H + i [H, r_a] (8, 8, a) of cell-periodic states in the orbitals, at Cartesian k (1/Å)."""
    H, v = np.zeros((8, 8), dtype=complex), np.zeros((8, 8, 3), dtype=complex)
    for R, matrix in HOPPINGS.items():
        distance = np.array(R) @ LATTICE + TAU[None, :] - TAU[:, None]
        part = matrix * np.exp(1j * distance @ k)
        H += part
        v += 1j * distance * part[..., None]
    return H, v


class Complete:
    """The calculation on a mesh, written to files."""

    def __init__(self, mesh):
        self.mesh = np.array(mesh)
        self.reciprocal = 2 * np.pi * np.linalg.inv(LATTICE).T
        self.kpoints = np.array(list(itertools.product(*map(range, mesh)))) / self.mesh
        solutions = [np.linalg.eigh(hamiltonian(k @ self.reciprocal)[0]) for k in self.kpoints]
        self.energies, self.states = (np.array(part) for part in zip(*solutions, strict=True))
        steps = np.rint(self.kpoints * self.mesh).astype(int)
        index = {tuple(step): i for i, step in enumerate(steps.tolist())}
        self.vectors = self._shells()
        target = steps[:, None] + self.vectors[None]
        self.shifts = target // self.mesh
        self.neighbours = np.array([[index[tuple(t)] for t in row] for row in (target - self.shifts * self.mesh).tolist()])
        self.gauge = np.array([self._functions(*pair) for pair in zip(self.states, self.kpoints, strict=True)])

    def _shells(self):
        """Vectors b in steps of the mesh that are complete."""
        from wannierberri.w90files.bkvectors import BKVectors

        found = BKVectors.from_kpoints(self.reciprocal, self.mesh, self.kpoints, kmesh_tol=1e-5)
        return found.bk_grid

    def _functions(self, states, k):
        """Gauge (bands, functions): the frozen bands and what the orbitals of two sites add, turned to these orbitals."""
        trial = states[:FUNCTIONS, :BANDS].conj().T  # <band|orbital>
        rest = trial.copy()
        rest[:FROZEN] = 0
        frame = np.zeros((BANDS, FUNCTIONS), dtype=complex)
        frame[:FROZEN, :FROZEN] = np.eye(FROZEN)
        frame[:, FROZEN:] = np.linalg.svd(rest)[0][:, : FUNCTIONS - FROZEN]
        left, _, right = np.linalg.svd(frame.conj().T @ trial)
        return frame @ left @ right * np.exp(-1j * TAU[:FUNCTIONS] @ (k @ self.reciprocal))

    def moved(self, ik, ib):
        """States of k+b in the orbitals: e^{−iG·τ} times those of the equivalent point of the mesh, (8, BANDS)."""
        phases = np.exp(-1j * TAU @ (self.shifts[ik, ib] @ self.reciprocal))
        return phases[:, None] * self.states[self.neighbours[ik, ib]][:, :BANDS]

    def products(self, kind, ik):
        """Matrices of a k point as the file of this kind has them, exact."""
        H = hamiltonian(self.kpoints[ik] @ self.reciprocal)[0] if "H" in kind else np.eye(8)
        near = [self.moved(ik, ib) for ib in range(len(self.vectors))]
        if kind[0] == "u":
            return np.array([[a.conj().T @ H @ b for b in near] for a in near])
        own = self.states[ik][:, :BANDS]
        return np.array([[own.conj().T @ s @ H @ b for s in SPIN] for b in near])

    def write(self, folder: Path, kinds=("uHu", "uIu", "sHu", "sIu"), formatted=False) -> Path:
        """All files; the seedname."""
        seed = folder / "X"
        self._write_checkpoint(folder / "X.chk")
        counts = f"{BANDS} {len(self.kpoints)} {len(self.vectors)}"
        energies = [f"{n + 1} {k + 1} {e:.14f}" for k, row in enumerate(self.energies) for n, e in enumerate(row[:BANDS])]
        (folder / "X.eig").write_text("\n".join(energies) + "\n")
        lines = ["overlaps", counts]
        for ik, ib in np.ndindex(self.neighbours.shape):
            lines.append(" ".join(map(str, (ik + 1, self.neighbours[ik, ib] + 1, *self.shifts[ik, ib]))))
            overlap = self.states[ik][:, :BANDS].conj().T @ self.moved(ik, ib)
            lines += [f"{z.real:.14f} {z.imag:.14f}" for z in overlap.T.ravel()]
        (folder / "X.mmn").write_text("\n".join(lines) + "\n")
        self._write_nnkp(folder / "X.nnkp")
        row, column = np.tril_indices(BANDS)
        spins = [np.einsum("im,aij,jn->amn", u[:, :BANDS].conj(), SPIN, u[:, :BANDS]) for u in self.states]
        head = np.array([BANDS, len(self.kpoints)], dtype=np.int32)
        body = b"".join(record(s[:, column, row]) for s in spins)
        (folder / "X.spn").write_bytes(record(b"spins".ljust(60)) + record(head) + body)
        for kind in kinds:
            self.write_products(folder / f"X.{kind}", kind, formatted)
        return seed

    def write_products(self, path: Path, kind: str, formatted: bool = False):
        """A .uHu, .uIu, .sHu or .sIu file: neighbour (the second one, for u) and the other index in the outer loops."""
        head = np.array([BANDS, len(self.kpoints), len(self.vectors)], dtype=np.int32)
        matrices = (self.products(kind, ik) for ik in range(len(self.kpoints)))
        ordered = (part.swapaxes(0, 1) if kind[0] == "u" else part for part in matrices)
        if formatted:
            rows = [f"{z.real:.15e} {z.imag:.15e}" for part in ordered for z in part.ravel()]
            path.write_text("\n".join(["products", " ".join(map(str, head)), *rows]) + "\n")
            return
        records = b"".join(record(matrix.T) for part in ordered for pair in part for matrix in pair)
        path.write_bytes(record(b"products".ljust(60)) + record(head) + records)

    def _write_nnkp(self, path):
        cell, points = ("\n".join(" ".join(f"{x:.10f}" for x in row) for row in rows) for rows in (LATTICE, self.kpoints))
        rows = [
            " ".join(map(str, (ik + 1, self.neighbours[ik, ib] + 1, *self.shifts[ik, ib])))
            for ik, ib in np.ndindex(self.neighbours.shape)
        ]
        path.write_text(
            f"complete\n\nbegin real_lattice\n{cell}\nend real_lattice\n\nbegin kpoints\n{len(self.kpoints)}\n{points}\n"
            "end kpoints\n\nbegin nnkpts\n" + "\n".join([f"{len(self.vectors)}", *rows]) + "\nend nnkpts\n"
        )

    def _write_checkpoint(self, path):
        count, integer, gauge = len(self.kpoints), np.int32, self.gauge
        centers = TAU[:FUNCTIONS]
        near = [[self.moved(ik, ib) @ gauge[self.neighbours[ik, ib]] for ib in range(len(self.vectors))] for ik in range(count)]
        own = [u[:, :BANDS] @ v for u, v in zip(self.states, gauge, strict=True)]
        kept = np.array([[own[ik].conj().T @ b for b in row] for ik, row in enumerate(near)])
        phases = np.angle(np.diagonal(kept.sum(axis=0), axis1=1, axis2=2) * np.exp(1j * self.cartesian @ centers.T))
        centers = centers - np.linalg.lstsq(self.cartesian, phases, rcond=None)[0].T
        identity = np.broadcast_to(np.eye(FUNCTIONS, dtype=complex)[..., None], (FUNCTIONS, FUNCTIONS, count))
        parts = [b"complete".ljust(33), integer(BANDS), integer(0), b"", LATTICE, self.reciprocal, integer(count)]
        parts += [self.mesh.astype(integer), self.kpoints.T, integer(len(self.vectors)), integer(FUNCTIONS)]
        parts += [b"postwann".ljust(20), integer(1), np.array([0.1]), np.ones((BANDS, count), dtype=integer)]
        parts += [np.full(count, BANDS, dtype=integer), gauge.transpose(1, 2, 0), identity, kept.transpose(2, 3, 1, 0)]
        parts += [centers.T, np.full(FUNCTIONS, 0.5)]
        path.write_bytes(b"".join(map(record, parts)))

    @property
    def cartesian(self):
        """b, 1/Å."""
        return (self.vectors / self.mesh) @ self.reciprocal
