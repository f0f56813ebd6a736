""".uHu, .uIu, .sHu and .sIu: against a complete basis, WannierBerri, and postw90 on files of pw2wannier90."""

import itertools
import logging
import textwrap

import numpy as np
import pytest
from complete_basis import BANDS, FROZEN, SPIN, Complete, hamiltonian
from conftest import DATA
from wannierberri.calculators import static as wannierberri_static
from wannierberri.system import System_R
from wannierberri.w90files import WannierData

import wb_conserved
from wb_conserved.calculators import band_quantities
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.calculators.equilibrium import SpinOrbitalMagnetization
from wb_conserved.calculators.static import ConventionalSpinConductivity
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.interpolation.wannier import WannierInterpolator
from wb_conserved.io import InputError, load_system
from wb_conserved.io.ab_initio_mesh import class_vectors
from wb_conserved.io.bloch_files import read_eig, read_mmn
from wb_conserved.io.checks import to_k
from wb_conserved.io.chk import read_checkpoint
from wb_conserved.io.minimal_distance import nearest_copies
from wb_conserved.io.neighbour_products import read_products
from wb_conserved.io.wannier_data import neighbour_vectors
from wb_conserved.operators import get_operator

KINDS = ("uHu", "uIu", "sHu", "sIu")
CYCLIC = ((1, 2), (2, 0), (0, 1))


@pytest.fixture(scope="module")
def calculation():
    return Complete((3, 2, 3))


@pytest.fixture(scope="module")
def seed(calculation, tmp_path_factory):
    return calculation.write(tmp_path_factory.mktemp("complete"))


@pytest.fixture
def copy(seed, tmp_path):
    """A copy that a test may break."""
    for path in seed.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / seed.name


def geometry(system, kpoints, operator):
    batch = interpolated_batch(WannierInterpolator(system), kpoints)
    return BandGeometry(batch, get_operator(operator), 1e-6, False, True)


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_reading(calculation, seed, tmp_path, kind, formatted):
    path = tmp_path / f"X.{kind}"
    calculation.write_products(path, kind, formatted)
    found = list(read_products(path, read_checkpoint(seed.with_suffix(".chk")), len(calculation.vectors)))
    assert np.allclose(found, [calculation.products(kind, ik) for ik in range(len(calculation.kpoints))], atol=1e-14)


def test_ryoo_as_wannierberri_makes_it(seed, tmp_path):
    """Matrices and conductivities, from the same files."""
    ours = load_system(seed, spin_current="ryoo")
    data = WannierData.from_w90_files(str(seed), files=["chk", "eig", "mmn", "spn", "siu", "shu"])
    theirs = System_R.from_wannierdata(data, SHCryoo=True, silent=True)
    for name in ("SA", "SHA"):
        found, expected = (to_k(system, name, read_checkpoint(seed.with_suffix(".chk")).kpoints) for system in (ours, theirs))
        assert np.abs(expected).max() > 0.1
        assert np.allclose(found, expected, atol=1e-10)
    truncated = load_system(without(seed, tmp_path, "sHu", "sIu"), spin_current="ryoo")
    assert np.abs(to_k(truncated, "SHA", np.zeros((1, 3))) - to_k(ours, "SHA", np.zeros((1, 3)))).max() > 0.01
    scan = np.linspace(0.5, 1.5, 3)
    arguments = {"kwargs_formula": {"spin_current_type": "ryoo"}, "degen_thresh": 1e-6}
    calculators = {
        "theirs": wannierberri_static.SHC(Efermi=scan, **arguments),
        "ours": ConventionalSpinConductivity(scan, spin_current="ryoo", degen_thresh=1e-6),
    }
    results = wb_conserved.run(ours, 3, calculators, use_irred_kpt=False, symmetrize=False).results
    expected = results["theirs"].data / 100
    assert np.allclose(results["ours"].data, expected, atol=1e-6 * np.abs(expected).max())


def without(seed, folder, *kinds):
    for path in seed.parent.iterdir():
        if path.suffix[1:] not in kinds:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder / seed.name


def test_projected_products(calculation, seed):
    """'HQ', 'QHQ' and 'QQ' from the orbitals: Q applied to states, before any sum over neighbours."""
    system = load_system(seed, spin=False, outside_states=True)
    centers, mesh = system.wannier_centers_cart, calculation.kpoints
    checkpoint = read_checkpoint(seed.with_suffix(".chk"))
    weights = neighbour_vectors(
        seed, checkpoint, calculation.neighbours, calculation.shifts, calculation.neighbours, None
    ).wk
    for ik in (0, 5):
        H = hamiltonian(mesh[ik] @ calculation.reciprocal)[0]
        own = calculation.states[ik][:, :BANDS] @ calculation.gauge[ik]
        Q = np.eye(8) - own @ own.conj().T
        derivative = np.zeros((8, 4, 3), dtype=complex)  # Σ_b w_b b_a e^{ib·r_j} |u_j,k+b>
        for ib, b in enumerate(calculation.cartesian):
            states = calculation.moved(ik, ib) @ calculation.gauge[calculation.neighbours[ik, ib]]
            derivative += (states * np.exp(1j * centers @ b))[:, :, None] * weights[ib] * b
        outside = np.einsum("ij,jma->ima", Q, derivative)
        expected = {"HQ": 1j * np.einsum("im,ij,jna->mna", own.conj(), H, outside)}
        for name, operator in (("QHQ", H), ("QQ", np.eye(8))):
            tensor = np.einsum("ima,ij,jnb->mnab", outside.conj(), operator, outside)
            expected[name] = 1j * np.stack([tensor[..., a, b] - tensor[..., b, a] for a, b in CYCLIC], axis=-1)
        for name, values in expected.items():
            assert np.abs(values).max() > 0.01
            assert np.allclose(to_k(system, name, mesh[ik : ik + 1])[0], values, atol=1e-11)


def exact(k):
    """Energies, ½{v, s} and the orbital moment of the bands of all eight orbitals."""
    H, velocity = hamiltonian(k)
    energies, states = np.linalg.eigh(H)
    v = np.einsum("in,ija,jm->nma", states.conj(), velocity, states)
    s = 0.5 * np.einsum("in,sij,jm->nms", states.conj(), SPIN, states)
    current = 0.5 * (np.einsum("nla,lms->nmas", v, s) + np.einsum("nls,lma->nmas", s, v))
    gap = energies[None, :] - energies[:, None]
    A = 1j * v * np.divide(1, gap, out=np.zeros_like(gap), where=gap != 0)[..., None]
    T = np.einsum("nma,m,mnb->nab", A, energies, A) - energies[:, None, None] * np.einsum("nma,mnb->nab", A, A)
    return energies, current, -0.5 * np.stack([(T[:, a, b] - T[:, b, a]).imag for a, b in CYCLIC], axis=-1)


def test_approach_to_the_complete_basis(tmp_path):
    """Of bands that the functions hold: the current and the moment that know the states outside come near the exact ones."""
    calculation = Complete((6, 6, 6))
    system = load_system(calculation.write(tmp_path), spin_current="ryoo", outside_states=True)
    kpoints = np.array([[0.13, 0.24, 0.37], [0.41, 0.07, -0.21], [0.3, 0.3, 0.45]])
    answers = [exact(k @ calculation.reciprocal) for k in kpoints]
    energies, current, moment = (np.array(part) for part in zip(*answers, strict=True))
    charge, spin = geometry(system, kpoints, "identity"), geometry(system, kpoints, "spin")
    assert np.allclose(charge.energies[:, :FROZEN], energies[:, :FROZEN], atol=0.03)

    def error(found, expected):
        return np.sqrt(np.mean((found[:, :FROZEN] - expected[:, :FROZEN]) ** 2))

    inside, whole = charge.orbital_moment[..., 0], (charge.orbital_moment + charge.outside_moment)[..., 0]
    assert error(whole, moment) < 0.65 * error(inside, moment)
    sizes = np.abs(current[:, :FROZEN, :FROZEN])  # phases of bands are arbitrary
    currents = band_quantities.spin_current(spin, "ryoo"), spin.current
    found = [np.abs(np.moveaxis(matrix, -1, 2))[:, :FROZEN, :FROZEN] for matrix in currents]
    assert error(found[0], sizes) < 0.65 * error(found[1], sizes)


def test_moment_does_not_depend_on_the_zero_of_energy(calculation, copy):
    kpoints = np.array([[0.13, 0.24, 0.37]])
    before = geometry(load_system(copy, spin=False, outside_states=True), kpoints, "identity").outside_moment
    rows = [line.split() for line in copy.with_suffix(".eig").read_text().splitlines()]
    copy.with_suffix(".eig").write_text("".join(f"{n} {k} {float(energy) + 3:.14f}\n" for n, k, energy in rows))
    shifted = Complete(tuple(calculation.mesh))
    shifted.products = lambda kind, ik: calculation.products("uHu", ik) + 3 * calculation.products("uIu", ik)
    shifted.write_products(copy.with_suffix(".uHu"), "uHu")
    after = geometry(load_system(copy, spin=False, outside_states=True), kpoints, "identity").outside_moment
    assert np.abs(before).max() > 0.01
    assert np.allclose(after, before, atol=1e-9)


def test_magnetization_through_run_and_the_command(seed, tmp_path):
    from click.testing import CliRunner

    from wb_conserved.cli import main

    system = load_system(seed, spin=False, outside_states=True)
    arguments = {"operator": "identity", "kBT": 0.1, "degen_thresh": 1e-6}
    calculators = {
        "whole": SpinOrbitalMagnetization([0.7], outside_states=True, **arguments),
        "inside": SpinOrbitalMagnetization([0.7], **arguments),
    }
    results = wb_conserved.run(system, 4, calculators)
    whole, inside = (results.results[name].data for name in calculators)
    g = geometry(system, np.array(list(itertools.product(range(4), repeat=3))) / 4, "identity")
    occupied = 1 / (1 + np.exp((g.energies - 0.7) / 0.1))
    expected = -(occupied[..., None] * g.outside_moment[..., 0]).sum(axis=1).mean(axis=0) / 3.809982
    assert np.allclose((whole - inside).ravel(), expected, atol=1e-5 * np.abs(expected).max())
    (tmp_path / "x.toml").write_text(
        textwrap.dedent(f"""
        [system]
        path = "{seed}"
        outside_states = true
        [grid]
        mesh = 4
        [fermi]
        level = 0.7
        [temperature]
        kBT = 0.1
        [multiplets]
        threshold = 1e-6
        [quantities]
        operator = "identity"
        names = ["orbital_magnetization"]
        [output]
        folder = "out"
    """)
    )
    result = CliRunner().invoke(main, ["run", str(tmp_path / "x.toml")])
    assert result.exit_code == 0, result.output
    import xarray

    with xarray.open_dataset(tmp_path / "out" / "result.nc") as dataset:
        assert np.allclose(dataset["orbital_magnetization"].values.ravel(), whole.ravel(), atol=1e-10)
        assert dataset["orbital_magnetization"].attrs["outside_states"]


def test_sums_over_bands_are_said(seed, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(without(seed, tmp_path, "uHu", "uIu", "sHu"), spin_current="ryoo", outside_states=True)
    for kind in ("uHu", "uIu", "sHu"):
        assert f"no .{kind} file: its matrices come from a sum over {BANDS} bands, which is truncated" in caplog.text
    assert system.sums_over_bands == ("sHu", "uHu", "uIu")
    calculator = SpinOrbitalMagnetization([0.7], operator="identity", outside_states=True, degen_thresh=1e-6)
    attributes = wb_conserved.run(system, 2, {"M": calculator}).to_dataset().attrs
    assert attributes["truncated_sums_over_bands_in_place_of"] == "sHu uHu uIu"


def records(path, change):
    """Change the numbers of the matrices of an unformatted file."""
    data, place, parts = path.read_bytes(), 0, []
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "little")
        body = data[place + 4 : place + 4 + length]
        if len(parts) > 1:
            body = change(np.frombuffer(body, complex).copy()).tobytes()
        parts.append(length.to_bytes(4, "little") + body + length.to_bytes(4, "little"))
        place += 8 + length
    path.write_bytes(b"".join(parts))


def first_off(matrix):
    matrix[1] += 0.01
    return matrix


def nan(matrix):
    matrix[0] = np.nan
    return matrix


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("uHu", lambda m: m / 13.6057, "matrices of the states of the .mmn and .eig files"),
        ("uHu", first_off, r"X\(b, b'\) = X\(b', b\)†; found a difference of"),
        ("uHu", nan, "finite numbers"),
        ("uIu", lambda m: 0.9 * m, "orthonormal states at k\\+b, to 0.001; found .*ultrasoft"),
        ("sHu", lambda m: m + 60.0, "matrices of the states of the .mmn and .eig files"),
        ("sIu", lambda m: 0.5 * m, "matrices of the states of the .mmn and .eig files"),
        ("sIu", np.conj, "matrices of the states of the .mmn and .eig files"),
    ],
)
def test_files_of_another_calculation(copy, kind, change, words):
    records(copy.with_suffix(f".{kind}"), change)
    with pytest.raises(InputError, match=words) as caught:
        load_system(copy, spin_current="ryoo", outside_states=True)
    assert caught.value.source == f"{copy}.{kind}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formatted", [False, True])
def test_broken_files(calculation, copy, kind, formatted):
    path = copy.with_suffix(f".{kind}")
    calculation.write_products(path, kind, formatted)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"matrix \d+ of neighbour \d+ of k point 18") as caught:
        load_system(copy, spin_current="ryoo", outside_states=True)
    assert caught.value.source == str(path)
    path.write_bytes(whole + b"1 2 3 4\n")
    with pytest.raises(InputError, match="the end of the file after matrices of 18 k points"):
        load_system(copy, spin_current="ryoo", outside_states=True)
    other = Complete((2, 2, 2))
    other.write_products(path, kind, formatted)
    with pytest.raises(InputError, match=r"18 k points, as in X\.chk; found 8"):
        load_system(copy, spin_current="ryoo", outside_states=True)


def test_one_of_two_files(copy):
    copy.with_suffix(".uIu").unlink()
    with pytest.raises(InputError, match=r"X\.uIu: expected this file too, where there is a \.uHu file, or neither"):
        load_system(copy, spin=False, outside_states=True)


def test_arguments(seed, platinum_tb):
    with pytest.raises(InputError, match="outside_states: expected False where there is no .chk file"):
        load_system(platinum_tb, spin=False, outside_states=True)
    with pytest.raises(InputError, match="outside_states: expected False with symmetrize=True"):
        load_system(seed, spin=False, outside_states=True, symmetrize=True)
    with pytest.raises(InputError, match="outside_states: expected False for an operator other than the identity"):
        SpinOrbitalMagnetization([0.0], outside_states=True)
    with pytest.raises(InputError, match="outside_states: expected True or False"):
        SpinOrbitalMagnetization([0.0], outside_states=1, operator="identity")
    with pytest.raises(InputError, match=r"the matrices HQ, QHQ, QQ of outside_states; found none: load_system"):
        calculator = SpinOrbitalMagnetization([0.0], outside_states=True, operator="identity", degen_thresh=1e-6)
        wb_conserved.run(load_system(seed, spin=False), 2, {"M": calculator})


@pytest.fixture
def platinum_tb():
    return DATA / "pt" / "Pt_tb.dat.xz"


def test_files_of_pw2wannier90_give_what_postw90_has():
    """Orbital magnetization at k by the formulas of M. G. Lopez et al., from the files, with no code of this package after.

    As postw90.x has it: no centres in phases, and the Wigner-Seitz cell of the R vectors.
    """
    folder = DATA / "te_products"
    checkpoint = read_checkpoint(folder / "Te.chk.xz")
    energies = read_eig(folder / "Te.eig", checkpoint)
    overlaps, neighbours, shifts, lines = read_mmn(folder / "Te.mmn.xz", checkpoint)
    vectors = neighbour_vectors(folder / "Te.mmn.xz", checkpoint, neighbours, shifts, lines, None)
    points = np.rint(checkpoint.kpoints * checkpoint.mp_grid).astype(int)
    steps = points[neighbours] - points[:, None] + shifts * checkpoint.mp_grid
    place = {tuple(step): i for i, step in enumerate(vectors.bk_grid.tolist())}
    which = np.array([[place[tuple(step)] for step in row] for row in steps.tolist()])
    derivative = vectors.wk[which][..., None] * vectors.bk_cart[which]
    V, count = checkpoint.gauge, checkpoint.num_wann
    shape = (checkpoint.num_kpoints, count, count)
    q = {name: np.zeros((*shape, *tail), complex) for name, tail in {"H": (), "A": (3,), "B": (3,), "C": (3, 3)}.items()}
    products = read_products(folder / "Te.uHu.xz", checkpoint, neighbours.shape[1])
    for ik, uHu in enumerate(products):
        near = V[neighbours[ik]]
        q["H"][ik] = (V[ik].conj().T * energies[ik]) @ V[ik]
        moved = overlaps[ik] @ near
        q["A"][ik] = 1j * np.einsum("mi,bmj,ba->ija", V[ik].conj(), moved, derivative[ik])
        q["B"][ik] = 1j * np.einsum("mi,m,bmj,ba->ija", V[ik].conj(), energies[ik], moved, derivative[ik])
        between = np.einsum("bmi,bcmn,cnj->bcij", near.conj(), uHu, near, optimize=True)
        q["C"][ik] = np.einsum("ba,bcij,cd->ijad", derivative[ik], between, derivative[ik], optimize=True)
    q["A"] = 0.5 * (q["A"] + q["A"].conj().swapaxes(1, 2))
    classes = class_vectors(checkpoint.mp_grid)
    copies = nearest_copies(checkpoint.real_lattice, classes, np.zeros((1, 3)), tuple(checkpoint.mp_grid))
    R = classes[copies.which] + copies.shifts
    weights = np.exp(-2j * np.pi * R @ checkpoint.kpoints.T) * copies.weights[:, None] / len(checkpoint.kpoints)
    real = {name: np.tensordot(weights, values, axes=1) for name, values in q.items()}
    cartesian = R @ checkpoint.real_lattice
    table = np.loadtxt(folder / "postw90.txt")
    for k, expected in zip(table[:, :3], table[:, 3:], strict=True):
        phases = np.exp(2j * np.pi * R @ k)
        E, U = np.linalg.eigh(np.tensordot(phases, real["H"], axes=1))
        A, B, C = (rotated(U, phases, real[name]) for name in "ABC")
        dH, dA = (
            np.stack([rotated(U, phases * 1j * component, real[name]) for component in cartesian.T], axis=2) for name in "HA"
        )
        rot = np.stack([dA[:, :, a, b] - dA[:, :, b, a] for a, b in CYCLIC], axis=-1)
        found = postw90(E, 5.5, dH, A, B, C, rot)
        assert np.allclose(found[0], expected[:3], atol=2e-3)
        assert np.allclose(found[1], expected[3:], atol=2e-3)
    assert np.abs(table[:, 3:6]).max() > 3


def rotated(U, phases, matrices):
    """Σ_R of matrices in the basis of the bands."""
    return np.einsum("in,ij...,jm->nm...", U.conj(), np.tensordot(phases, matrices, axes=1), U)


def postw90(E, level, dH, A, B, C, rot):
    """−½ (G + H − 2μF) and −F of M. G. Lopez et al., Phys. Rev. B 85, 014435, eqs. 51, 56, 66: traces over occupied bands."""
    f = E < level
    across = f[:, None] & ~f[None, :]
    gap = E[None, :] - E[:, None]
    J = 1j * dH * np.divide(1, gap, out=np.zeros_like(gap), where=across | across.T)[..., None]
    minus, plus = np.where(across[..., None], J, 0), np.where(across.T[..., None], J, 0)
    occupied = np.where(f[:, None] & f[None, :], 1.0, 0.0)

    def trace(left, right, between=None):
        return np.einsum("nm,m,mn->", left, np.ones(len(E)) if between is None else between, right)

    result = []
    for c, (a, b) in enumerate(CYCLIC):
        s = 2 * np.einsum("nm,n,mn->", occupied * A[..., a], E, A[..., b]).imag
        own = 1j * (C[..., a, b] - C[..., b, a])
        G = np.trace(own[f][:, f]).real - s
        G += -2 * (trace(minus[..., a], B[..., b]) - trace(minus[..., b], B[..., a])).imag
        G += -2 * trace(minus[..., a], plus[..., b], E).imag
        H = (E[f] * np.diagonal(rot[..., c])[f].real).sum() + s
        times = E[:, None]
        H += -2 * (trace(times * A[..., a], plus[..., b]) + trace(times * minus[..., a], A[..., b])).imag
        H += -2 * trace(times * minus[..., a], plus[..., b]).imag
        F = np.diagonal(rot[..., c])[f].real.sum()
        F += -2 * (trace(A[..., a], plus[..., b]) + trace(minus[..., a], A[..., b])).imag
        F += -2 * trace(minus[..., a], plus[..., b]).imag
        result.append((-(G + H - 2 * level * F) / 2, -F))
    return np.array(result).T


def test_products_of_tellurium_load():
    """Real files: checked against the others, and what states outside add is no small part of the moment."""
    system = load_system(DATA / "te_products" / "Te", spin=False, outside_states=True)
    g = geometry(system, np.array([[0.13, 0.24, 0.0], [0.41, 0.07, 0.0]]), "identity")
    assert np.abs(g.outside_moment).max() > 0.1 * np.abs(g.orbital_moment).max()


