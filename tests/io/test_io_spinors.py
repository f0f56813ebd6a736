"""Collinear spins from two calculations, and spin-orbit coupling as WannierBerri's SystemSOC has it.

The exact answer: functions u of spin up and d of spin down in the same space of orbitals, between which overlaps are known.
"""

import itertools
import logging
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import wannierberri
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system import System_R, SystemSOC

import wb_conserved
from wb_conserved.calculators.static import (
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    KuboConservedSpinConductivity,
)
from wb_conserved.io import InputError, load_system
from wb_conserved.io.checks import to_k
from wb_conserved.io.spinors import as_system_R, is_soc_folder

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
N = 3
VECTORS = np.array([R for R in itertools.product((-1, 0, 1), repeat=3) if np.abs(R).sum() <= 1])
MINUS = [int(np.flatnonzero((VECTORS == -R).all(axis=1))[0]) for R in VECTORS]
ZERO = int(np.flatnonzero((VECTORS == 0).all(axis=1))[0])
LATTICE = np.array([[3.0, 0, 0], [0.5, 2.8, 0], [0, 0.4, 3.3]])
KPOINTS = np.random.default_rng(0).random((5, 3))


def hermitian(random, *tail):
    matrices = random.normal(size=(len(VECTORS), N, N, *tail)) + 1j * random.normal(size=(len(VECTORS), N, N, *tail))
    return 0.5 * (matrices + matrices[MINUS].conj().swapaxes(1, 2)) * np.where(np.arange(len(VECTORS)) == ZERO, 1, 0.3).reshape(
        -1, 1, 1, *(1,) * len(tail)
    )


def unitary(random):
    return np.linalg.qr(random.normal(size=(N, N)) + 1j * random.normal(size=(N, N)))[0]


def system_of(**by_name):
    """System with matrices on VECTORS, all centres at the origin."""
    n = by_name["Ham"].shape[1]
    system = System_R(silent=True)
    system.set_real_lattice(LATTICE)
    system.num_wann = n
    system.set_wannier_centers(wannier_centers_cart=np.zeros((n, 3)))
    system.rvec = Rvectors(LATTICE, shifts_left_red=np.zeros((n, 3)), iRvec=VECTORS)
    for name, matrices in ({"AA": np.zeros((len(VECTORS), n, n, 3))} | by_name).items():
        system.set_R_mat(name, matrices)
    system.do_at_end_of_init()
    return system


class Magnet:
    """A magnet in a basis of orbitals, and in the functions of each spin."""

    def __init__(self, seed=1, same=False):
        random = np.random.default_rng(seed)
        self.h = [hermitian(random), hermitian(random)]
        self.h[1] = self.h[0] if same else self.h[1]
        self.coupling = 0.3 * hermitian(random, 3)
        self.functions = [np.eye(N)] * 2 if same else [unitary(random), unitary(random)]

    def turned(self, matrices, s, t):
        return np.einsum("mi,rmn...,nj->rij...", self.functions[s].conj(), matrices, self.functions[t])

    def one(self, s):
        return system_of(Ham=self.turned(self.h[s], s, s), dV_soc=self.turned(self.coupling, s, s))

    def soc(self):
        if self.h[0] is self.h[1]:
            return SystemSOC(self.one(0))
        system = SystemSOC(self.one(0), self.one(1))
        system.rvec = Rvectors(LATTICE, shifts_left_red=np.zeros((N, 3)), iRvec=VECTORS)
        overlap = np.zeros((len(VECTORS), N, N), dtype=complex)
        overlap[ZERO] = self.functions[0].conj().T @ self.functions[1]
        system.set_R_mat("dV_soc", self.turned(self.coupling, 0, 1))
        system.set_R_mat("overlap_up_down", overlap)
        return system

    def exact(self, axis, strength):
        """In orbitals with spins along z: majority along the axis, and all spin components."""
        along = np.einsum("c,cst->st", axis, PAULI)
        projectors = 0.5 * (np.eye(2) + along), 0.5 * (np.eye(2) - along)
        hamiltonian = sum(np.einsum("rij,st->risjt", h, p) for h, p in zip(self.h, projectors, strict=True))
        hamiltonian = hamiltonian + strength * np.einsum("rijc,cst->risjt", self.coupling, PAULI)
        spins = np.zeros((len(VECTORS), N, 2, N, 2, 3), dtype=complex)
        spins[ZERO] = np.einsum("ij,cst->isjtc", np.eye(N), PAULI)
        shape = (len(VECTORS), 2 * N, 2 * N)
        return system_of(Ham=hamiltonian.reshape(shape), SS=spins.reshape(*shape, 3))


def spins_of_bands(system):
    """Energies and <σ> of the bands at KPOINTS."""
    energies, states = np.linalg.eigh(to_k(system, "Ham", KPOINTS))
    return energies, np.einsum("kin,kijc,kjn->knc", states.conj(), to_k(system, "SS", KPOINTS), states).real


TILTED = np.rad2deg([np.arccos(0.8), np.arctan2(0.36, 0.48)])
AXES = {"z": ([0, 0, 1], (0, 0)), "tilted": ([0.48, 0.36, 0.8], TILTED)}


@pytest.mark.parametrize("strength", [0.0, 0.7])
@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("same", [False, True])
def test_spin_orbit_coupling_is_exact(name, strength, same):
    axis, angles = AXES[name]
    magnet = Magnet(same=same)
    exact = magnet.exact(np.array(axis), strength)
    system = load_system(magnet.soc(), spin_angles=angles, spin_orbit_strength=strength)
    for found, expected in zip(spins_of_bands(system), spins_of_bands(exact), strict=True):
        if not same:  # else bands without spin-orbit coupling are pairs
            assert np.allclose(found, expected, atol=1e-10)
    assert np.allclose(spins_of_bands(system)[0], spins_of_bands(exact)[0], atol=1e-10)
    calculators = {
        "conventional": ConventionalSpinConductivity([0.1], kBT=0.1),
        "conserved": ConservedSpinConductivity([0.1], kBT=0.1),
        "kubo": KuboConservedSpinConductivity([0.1], kBT=0.1),
    }
    results = [wb_conserved.run(s, 3, calculators).results for s in (system, exact)]
    for key in calculators:
        expected = results[1][key].data
        assert np.allclose(results[0][key].data, expected, atol=1e-8 * (1 + np.abs(expected).max()))


def test_run_takes_a_system_soc(tmp_path):
    """As load_system does; and as in wannierberri.run, where its own Data_K provides the matrices."""
    soc = Magnet().soc()
    soc.set_soc_axis(theta=0.4, phi=0.9, alpha_soc=0.6)
    calculator = {"σ": ConventionalSpinConductivity([0.1], kBT=0.1)}
    ours = wb_conserved.run(soc, 3, calculator).results["σ"].data
    loaded = wb_conserved.run(load_system(soc), 3, calculator).results["σ"].data
    assert (ours == loaded).all()
    grid = wb_conserved.regular_grid(soc, 3)
    theirs = wannierberri.run(soc, grid, calculator, parallel=False, fout_name=str(tmp_path / "x")).results["σ"].data
    assert np.abs(theirs).max() > 0.1
    assert np.allclose(ours, theirs, atol=1e-8)
    assert as_system_R(loaded) is loaded


def test_scan_of_the_documentation():
    """The block of docs/files.md, as it stands."""
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names = {"soc": Magnet().soc()}
    exec(block, names)
    values = [result.results["kubo"].data for result in names["results"].values()]
    assert list(names["results"]) == [0.0, 0.5, 1.0]
    assert np.abs(values[2] - values[1]).max() > 1e-3 * np.abs(values[2]).max()


def test_overlaps_of_other_R_vectors():
    """Functions of both spins with R vectors of their own: each matrix at its own."""
    magnet, soc = Magnet(), Magnet().soc()
    order = np.random.default_rng(3).permutation(len(VECTORS))
    for name in ("dV_soc", "overlap_up_down"):
        soc.set_R_mat(name, soc.get_R_mat(name)[order], reset=True)
    soc.rvec = Rvectors(LATTICE, shifts_left_red=np.zeros((N, 3)), iRvec=VECTORS[order])
    found = spins_of_bands(load_system(soc, spin_orbit_strength=0.7))
    for part, expected in zip(found, spins_of_bands(magnet.exact(np.array([0, 0, 1]), 0.7)), strict=True):
        assert np.allclose(part, expected, atol=1e-10)


def test_options_override_what_the_system_has():
    soc = Magnet().soc()
    soc.set_soc_axis(theta=0.4, phi=0.9, alpha_soc=0.6)
    before = load_system(soc)
    half = load_system(soc, spin_orbit_strength=0.3)
    none = load_system(soc, spin_orbit_strength=0)
    difference = half.get_R_mat("Ham") - none.get_R_mat("Ham")
    assert np.allclose(2 * difference, before.get_R_mat("Ham") - none.get_R_mat("Ham"), atol=1e-14)
    assert np.allclose(half.get_R_mat("SS"), before.get_R_mat("SS"))
    turned = load_system(soc, spin_axis=[1, 0, 0])
    expected = load_system(soc, spin_angles=[90, 0], spin_orbit_strength=0.6)
    assert np.allclose(turned.get_R_mat("Ham"), expected.get_R_mat("Ham"))
    assert soc.alpha_soc == 0.6
    assert np.allclose(load_system(soc).get_R_mat("Ham"), before.get_R_mat("Ham"))


@pytest.mark.parametrize("same", [False, True])
def test_folder(tmp_path, same):
    soc = Magnet(same=same).soc()
    soc.set_cell([[0, 0, 0]], [1], [1])
    soc.to_npz(str(tmp_path / "soc"))
    assert is_soc_folder(tmp_path / "soc")
    loaded = load_system(tmp_path / "soc", spin_angles=[30, 40], spin_orbit_strength=0.5)
    expected = load_system(Magnet(same=same).soc(), spin_angles=[30, 40], spin_orbit_strength=0.5)
    for name in ("Ham", "AA", "SS"):
        assert np.allclose(loaded.get_R_mat(name), expected.get_R_mat(name), atol=1e-14)
    assert loaded.pointgroup.size == 2  # the magnetic group of the cell: inversion
    if not same:
        (tmp_path / "soc" / "_XX_R_dV_soc.npz").write_bytes(b"x")
        with pytest.raises(InputError, match=r"_XX_R_dV_soc\.npz: expected a \.npz file"):
            load_system(tmp_path / "soc")


def files(folder, name, matrices):
    """A _hr.dat file, and the .win and _centres.xyz files beside."""
    rows = [
        f"{x} {y} {z} {m + 1} {n + 1} {matrices[i, m, n].real:.12f} {matrices[i, m, n].imag:.12f}"
        for i, (x, y, z) in enumerate(VECTORS)
        for n in range(N)
        for m in range(N)
    ]
    (folder / f"{name}_hr.dat").write_text("\n".join(["x", f"{N}", f"{len(VECTORS)}", f"{len(VECTORS)}*1", *rows]) + "\n")
    cell = "\n".join(" ".join(map(str, row)) for row in LATTICE)
    (folder / f"{name}.win").write_text(f"begin unit_cell_cart\n{cell}\nend unit_cell_cart\n")
    (folder / f"{name}_centres.xyz").write_text(f"{N}\nx\n" + N * "X 0 0 0\n")
    return folder / name


@pytest.fixture
def two_files(tmp_path):
    magnet = Magnet()
    return magnet, [files(tmp_path, name, magnet.turned(magnet.h[s], s, s)) for s, name in enumerate(("up", "down"))]


def test_two_calculations(two_files, caplog):
    magnet, (up, down) = two_files
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(up=up, down=down, spin_axis=[1, 1, 0], ws_distance=False)
    assert "spin along [0.707107, 0.707107, 0.0] alone, as overlaps of the functions of both spins are not known" in caplog.text
    energies, spins = spins_of_bands(system)
    expected, expected_spins = spins_of_bands(magnet.exact(np.array([1, 1, 0]) / np.sqrt(2), 0))
    assert np.allclose(energies, expected, atol=1e-10)
    assert np.allclose(spins, expected_spins, atol=1e-10)
    H, S = to_k(system, "Ham", KPOINTS), to_k(system, "SS", KPOINTS)
    commutator = np.einsum("kij,kjlc->kilc", H, S) - np.einsum("kijc,kjl->kilc", S, H)
    assert np.abs(commutator).max() < 1e-12  # no torque


def test_the_same_functions_for_both_spins(two_files):
    _, (up, _) = two_files
    system = load_system(up=up, spin_angles=[20, 30], ws_distance=False)
    S = system.get_R_mat("SS")[system.rvec.iR0]
    squares = np.einsum("ijc,jkc->ik", S, S)
    assert np.allclose(squares, 3 * np.eye(2 * N))  # all components of a spin 1/2
    along = np.einsum("ijc,c->ij", S, [np.sin(np.pi / 9) * np.cos(np.pi / 6), np.sin(np.pi / 9) * 0.5, np.cos(np.pi / 9)])
    assert np.allclose(along, np.diag([1, -1] * N))


def test_spin_is_left_out_where_not_needed(two_files):
    _, (up, down) = two_files
    assert not load_system(up=up, down=down, spin=False, ws_distance=False).has_R_mat("SS")


def test_parts_that_do_not_fit(two_files, tmp_path):
    _, (up, down) = two_files
    other = load_system(up, spin=False, ws_distance=False)
    other.real_lattice = 1.1 * other.real_lattice
    with pytest.raises(InputError, match="down: expected the lattice of up to 0.0001 Å; found a difference of"):
        load_system(up=up, down=other)
    with pytest.raises(InputError, match="down: expected 3 Wannier functions, as for up; found 6"):
        load_system(up=up, down=load_system(up=up))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "X", "up": "X"}, "path: expected either path, or up and down; found both"),
        ({}, "path: expected either path, or up and down; found neither"),
        ({"down": "X"}, "path: expected either path, or up and down"),
        ({"path": "X", "down": "X"}, "down: expected to be given with up only"),
        ({"up": "X", "spin_order": "block"}, "spin_order: expected not to be given with up and down"),
        ({"up": "X", "spin_orbit_strength": 1.0}, "spin_orbit_strength: expected not to be given with up and down"),
        ({"up": "X", "spin_current": "ryoo"}, "spin_current: expected not to be given with up and down"),
        ({"up": "X", "symmetrize": True}, "symmetrize: expected not to be given with up and down"),
        ({"up": "X", "spin_axis": [0, 0, 1], "spin_angles": [0, 0]}, "either spin_axis or spin_angles; found both"),
        ({"up": "X", "spin_angles": [0, 0, 1]}, r"spin_angles: expected two numbers \[θ, φ\], degrees"),
        ({"up": "X", "spin_angles": ["a", 0]}, "spin_angles: expected two numbers"),
        ({"path": "X", "spin_orbit_strength": True}, "spin_orbit_strength: expected a number"),
    ],
)
def test_options_that_do_not_go_together(options, words):
    with pytest.raises(InputError, match=words):
        load_system(**options)


def test_strength_without_coupling(two_files):
    _, (up, down) = two_files
    parts = [load_system(path, spin=False, ws_distance=False) for path in (up, down)]
    with pytest.raises(InputError, match="0 for a SystemSOC without spin-orbit matrices; found 1"):
        load_system(SystemSOC(*parts), spin_orbit_strength=1)
    assert load_system(SystemSOC(*parts)).num_wann == 2 * N
    with pytest.raises(InputError, match="not to be given for the System_R given, which is no SystemSOC"):
        load_system(parts[0], spin=False, spin_orbit_strength=1.0)


def test_input_file(two_files, tmp_path):
    from click.testing import CliRunner

    from wb_conserved.cli import main

    text = """
        [system]
        {system}
        [grid]
        mesh = 2
        [fermi]
        level = 0.1
        [multiplets]
        threshold = 0.001
        [temperature]
        kBT = 0.1
        [quantities]
        names = ["conventional"]
        [output]
        folder = "{folder}"
    """
    Magnet().soc().set_cell([[0, 0, 0]], [1], [1]).to_npz(str(tmp_path / "soc"))
    for name, system in {
        "both": 'up = "up"\ndown = "down"\nspin_angles = [0, 0]\nws_distance = false',
        "soc": 'path = "soc"\nspin_angles = [30.0, 60.0]\nspin_orbit_strength = 0.5',
    }.items():
        path = tmp_path / f"{name}.toml"
        path.write_text(textwrap.dedent(text).format(system=system, folder=name))
        result = CliRunner().invoke(main, ["run", str(path)])
        assert result.exit_code == 0, result.output
        assert (tmp_path / name / "result.nc").is_file()
    path.write_text(textwrap.dedent(text).format(system='down = "down"', folder="x"))
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code != 0
    assert "[system] path: expected a string" in result.output
