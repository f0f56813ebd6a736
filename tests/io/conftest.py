"""A small consistent calculation in all of Wannier90's formats, for tests that break a file.

Six spinor orbitals in pairs up, down: A at the origin, B half a lattice vector along x, and C high above and
apart from both, so that four Wannier functions (A, B) are exact. Spin-orbit coupling, no magnetism.
"""

from __future__ import annotations

import itertools
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
MESH, LATTICE, NUM_BANDS, NUM_WANN = 3, 3.0 * np.eye(3), 6, 4
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
SPIN = np.array([np.kron(np.eye(3), sigma) for sigma in PAULI])
CENTERS = np.array([[0, 0, 0]] * 2 + [[1.5, 0, 0]] * 2 + [[0, 0, 0]] * 2)
WINDOW = 29.0


def hoppings() -> dict[tuple[int, int, int], np.ndarray]:
    """H(R) of the six orbitals, eV."""
    matrices = {}
    for axis in range(3):
        vector = tuple(int(i == axis) for i in range(3))
        coupling = 0.1j * PAULI[(axis + 1) % 3]
        block = [0.5 * np.eye(2) + coupling, -0.3 * np.eye(2) + coupling, 0.1 * np.eye(2)]
        matrices[vector] = np.zeros((6, 6), dtype=complex)
        for i, part in enumerate(block):
            matrices[vector][2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = part
    zero = np.diag([0, 0, 2, 2, 25, 32]).astype(complex)
    zero[0:2, 2:4] = 0.4 * np.eye(2)
    zero[2:4, 0:2] = 0.4 * np.eye(2)
    matrices[1, 0, 0][2:4, 0:2] = 0.4 * np.eye(2) + 0.05j * PAULI[2]
    for vector in list(matrices):
        matrices[tuple(-i for i in vector)] = matrices[vector].conj().T
    matrices[0, 0, 0] = zero
    return matrices


def neighbours(kpoints: np.ndarray):
    """For each k point, six (neighbour, reciprocal lattice vector)."""
    steps = np.rint(kpoints * MESH).astype(int)
    index = {tuple(step): i for i, step in enumerate(steps.tolist())}
    for step in steps:
        row = []
        for b in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0)]:
            target = step + b
            shift = target // MESH
            row.append((index[tuple((target - shift * MESH).tolist())], shift, np.array(b)))
        yield row


def record(*arrays) -> bytes:
    """A Fortran record."""
    data = b"".join(a if isinstance(a, bytes) else np.asarray(a).tobytes(order="F") for a in arrays)
    return struct.pack("<i", len(data)) + data + struct.pack("<i", len(data))


class Calculation:
    """Arrays of the calculation, and writers of its files."""

    def __init__(self):
        self.kpoints = np.array(list(itertools.product(range(MESH), repeat=3))) / MESH
        self.hoppings = hoppings()
        vectors = np.array(list(self.hoppings))
        phases = np.exp(2j * np.pi * self.kpoints @ vectors.T)
        hamiltonian = np.tensordot(phases, np.array(list(self.hoppings.values())), axes=1)
        self.energies, states = np.linalg.eigh(hamiltonian)
        self.neighbours = list(neighbours(self.kpoints))
        self.overlaps = []
        for ik, row in enumerate(self.neighbours):
            for neighbour, _, b in row:
                phase = np.exp(-1j * CENTERS @ (2 * np.pi / 3.0 * b / MESH))
                self.overlaps.append(states[ik].conj().T @ (phase[:, None] * states[neighbour]))
        self.overlaps = np.array(self.overlaps).reshape(len(self.kpoints), 6, 6, 6)
        self.spins = np.einsum("kim,aij,kjn->kamn", states.conj(), SPIN, states)
        self.gauge = states.conj().swapaxes(1, 2)[:, :, :NUM_WANN]
        self.in_window = self.energies < WINDOW

    def write_chk(self, path: Path, stage: str = "postwann", gauge: np.ndarray | None = None, lattice=LATTICE):
        """Write the checkpoint, with a rotation of the Wannier functions that is not trivial only in U_opt."""
        gauge = self.gauge if gauge is None else gauge
        subspace = np.zeros_like(gauge)
        for ik, window in enumerate(self.in_window):
            subspace[ik, : window.sum()] = gauge[ik, window]
        kept = np.array(
            [
                [self.gauge[ik].conj().T @ self.overlaps[ik, ib] @ self.gauge[row[ib][0]] for ib in range(6)]
                for ik, row in enumerate(self.neighbours)
            ]
        )
        count, integer = len(self.kpoints), np.int32
        path.write_bytes(
            b"".join(
                [
                    record(b"written by a test".ljust(33)),
                    record(integer(NUM_BANDS)),
                    record(integer(0)),
                    record(b""),
                    record(lattice),
                    record(2 * np.pi * np.linalg.inv(lattice).T),
                    record(integer(count)),
                    record(np.array([MESH] * 3, dtype=integer)),
                    record(self.kpoints.T),
                    record(integer(6)),
                    record(integer(NUM_WANN)),
                    record(stage.encode().ljust(20)),
                    record(integer(1)),
                    record(np.array([0.1])),
                    record(self.in_window.T.astype(integer)),
                    record(self.in_window.sum(axis=1).astype(integer)),
                    record(subspace.transpose(1, 2, 0)),
                    record(np.broadcast_to(np.eye(NUM_WANN, dtype=complex)[..., None], (NUM_WANN, NUM_WANN, count))),
                    record(kept.transpose(2, 3, 1, 0)),
                    record(CENTERS[:NUM_WANN].T),
                    record(np.full(NUM_WANN, 0.5)),
                ]
            )
        )

    def write_eig(self, path: Path):
        """Write the energies."""
        path.write_text(
            "".join(
                f"{n + 1:5d}{k + 1:5d}{energy:18.12f}\n"
                for k, row in enumerate(self.energies)
                for n, energy in enumerate(row)
            )
        )

    def write_mmn(self, path: Path):
        """Write the overlaps."""
        lines = ["overlaps of a test", f"{NUM_BANDS:12d}{len(self.kpoints):12d}{6:12d}"]
        for ik, row in enumerate(self.neighbours):
            for ib, (neighbour, shift, _) in enumerate(row):
                lines.append("".join(f"{i:5d}" for i in (ik + 1, neighbour + 1, *shift)))
                lines += [f"{z.real:18.12f}{z.imag:18.12f}" for z in self.overlaps[ik, ib].T.ravel()]
        path.write_text("\n".join(lines) + "\n")

    def write_spn(self, path: Path, formatted: bool = False, spins: np.ndarray | None = None):
        """Write the spin matrices, shape (NK, 3, n, n)."""
        row, column = np.tril_indices(NUM_BANDS)
        halves = (self.spins if spins is None else spins)[:, :, column, row]
        if formatted:
            body = "".join(f"{z.real:26.16e}{z.imag:26.16e}\n" for half in halves for z in half.T.ravel())
            path.write_text(f"spins of a test\n{NUM_BANDS} {len(halves)}\n{body}")
        else:
            counts = np.array([NUM_BANDS, len(halves)], dtype=np.int32)
            path.write_bytes(record(b"spins of a test".ljust(60)) + record(counts) + b"".join(map(record, halves)))

    def write_win(self, path: Path):
        """Write the input of Wannier90."""
        kpoints = "\n".join("{:.8f} {:.8f} {:.8f}".format(*k) for k in self.kpoints)
        cell = "\n".join("{:.6f} {:.6f} {:.6f}".format(*row) for row in LATTICE)
        path.write_text(
            f"num_bands = {NUM_BANDS}\nnum_wann : {NUM_WANN} ! four\ndis_froz_max = 5.0\nspinors true\n"
            f"mp_grid = {MESH} {MESH} {MESH}\nbegin unit_cell_cart\nang\n{cell}\nend unit_cell_cart\n"
            f"begin kpoints\n{kpoints}\nend kpoints\n"
        )

    def write_nnkp(self, path: Path):
        """Write the neighbours."""
        kpoints = "\n".join("{:14.8f}{:14.8f}{:14.8f}".format(*k) for k in self.kpoints)
        cell = "\n".join("{:12.7f}{:12.7f}{:12.7f}".format(*row) for row in LATTICE)
        nnkpts = "\n".join(
            "".join(f"{i:5d}" for i in (ik + 1, neighbour + 1, *shift))
            for ik, row in enumerate(self.neighbours)
            for neighbour, shift, _ in row
        )
        path.write_text(
            f"written by a test\n\nbegin real_lattice\n{cell}\nend real_lattice\n\nbegin kpoints\n{len(self.kpoints)}\n"
            f"{kpoints}\nend kpoints\n\nbegin nnkpts\n6\n{nnkpts}\nend nnkpts\n"
        )

    def write_tb(self, path: Path):
        """Write H(R) and r(R); each pair of R and -R has degeneracy 2, to see that it is divided out."""
        vectors = list(self.hoppings)
        degeneracies = [1 if vector == (0, 0, 0) else 2 for vector in vectors]
        lines = [
            "written by a test",
            *("{:.8f} {:.8f} {:.8f}".format(*row) for row in LATTICE),
            f"{NUM_WANN}",
            f"{len(vectors)}",
            "".join(f"{i:5d}" for i in degeneracies),
        ]
        for vector, weight in zip(vectors, degeneracies, strict=True):
            lines += ["", "{:5d}{:5d}{:5d}".format(*vector)]
            lines += [
                f"{m + 1:5d}{n + 1:5d}{z.real:16.8E}{z.imag:16.8E}"
                for n in range(NUM_WANN)
                for m in range(NUM_WANN)
                for z in [weight * self.hoppings[vector][m, n]]
            ]
        for vector in vectors:
            position = np.zeros((NUM_WANN, NUM_WANN, 3))
            if vector == (0, 0, 0):
                position[np.arange(NUM_WANN), np.arange(NUM_WANN)] = CENTERS[:NUM_WANN]
            lines += ["", "{:5d}{:5d}{:5d}".format(*vector)]
            lines += [
                f"{m + 1:5d}{n + 1:5d}" + "".join(f"{x:16.8E}{0:16.8E}" for x in position[m, n])
                for n in range(NUM_WANN)
                for m in range(NUM_WANN)
            ]
        path.write_text("\n".join(lines) + "\n")

    def write_hr(self, path: Path):
        """Write H(R) in the format of _hr.dat."""
        vectors = list(self.hoppings)
        lines = ["written by a test", f"{NUM_WANN}", f"{len(vectors)}", "".join("    1" for _ in vectors)]
        lines += [
            "{:5d}{:5d}{:5d}".format(*vector) + f"{m + 1:5d}{n + 1:5d}{z.real:12.6f}{z.imag:12.6f}"
            for vector in vectors
            for n in range(NUM_WANN)
            for m in range(NUM_WANN)
            for z in [self.hoppings[vector][m, n]]
        ]
        path.write_text("\n".join(lines) + "\n")

    def write_centres(self, path: Path):
        """Write the centres and one atom."""
        rows = ["X " + "{:.8f} {:.8f} {:.8f}".format(*center) for center in CENTERS[:NUM_WANN]]
        path.write_text("\n".join([f"{NUM_WANN + 1}", "centres of a test", *rows, "Pt 0.0 0.0 0.0"]) + "\n")

    def write_wsvec(self, path: Path):
        """Write a _wsvec.dat file that moves nothing."""
        lines = ["## written by a test with use_ws_distance=.true."]
        for vector in self.hoppings:
            for m, n in itertools.product(range(NUM_WANN), repeat=2):
                lines += ["{:5d}{:5d}{:5d}".format(*vector) + f"{m + 1:5d}{n + 1:5d}", "    1", "    0    0    0"]
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def calculation() -> Calculation:
    """The arrays of the small calculation."""
    return Calculation()


@pytest.fixture(scope="session")
def pristine(calculation, tmp_path_factory) -> Path:
    """A folder with all files of the small calculation; not to be changed."""
    folder = tmp_path_factory.mktemp("pristine")
    for suffix in ("chk", "eig", "mmn", "spn", "win", "nnkp"):
        getattr(calculation, f"write_{suffix}")(folder / f"X.{suffix}")
    for suffix in ("tb", "hr", "wsvec"):
        getattr(calculation, f"write_{suffix}")(folder / f"X_{suffix}.dat")
    calculation.write_centres(folder / "X_centres.xyz")
    return folder


@pytest.fixture
def seed(pristine, tmp_path) -> Path:
    """Seedname of a copy of the small calculation that a test may break."""
    shutil.copytree(pristine, tmp_path / "copy")
    return tmp_path / "copy" / "X"


@pytest.fixture
def edit():
    """Function that changes a line (counted from 1) of a text file: a new line, or a function of the old one."""

    def change(path: Path, line: int, new):
        lines = path.read_text().splitlines()
        lines[line - 1] = new(lines[line - 1]) if callable(new) else new
        path.write_text("\n".join(line for line in lines if line is not None) + "\n")

    return change


@pytest.fixture
def sibling():
    """Function that gives the file of a seedname with another ending."""
    return lambda seed, ending: seed.with_name(seed.name + ending)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the real data."""
    return DATA
