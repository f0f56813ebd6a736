"""Spin axis and order that files state beside the data; codes by name; complex orbitals."""

import itertools
import logging
import re

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.io import InputError, load_system
from wb_conserved.io.spin_axis import Z_AXIS, read_stated_spins, spin_states
from wb_conserved.io.spin_order import spin_pairs

SPINOR = "begin spinor_projections\n1\n0 0 0 0 1 1\n0 0 1 1 0 0 1\n{}\nend spinor_projections\n"
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def xyz(system):
    """σ^s_xyz of platinum, (ħ/|e|) S/cm."""
    calculator = static.ConventionalSpinConductivity([18.0874], kBT=0.025, degen_thresh=0.01)
    return wb_conserved.run(system, 8, {"conventional": calculator}).results["conventional"].data[0, 0, 1, 2]


def quantised_along(system, axis):
    """The system in functions that are up and down along an axis, in place of z; they are interlaced."""
    states = np.kron(np.eye(int(system.num_wann) // 2), spin_states(np.array(axis)))
    for key in ("Ham", "AA"):
        matrices = np.einsum("im,rij...,jn->rmn...", states.conj(), system.get_R_mat(key), states, optimize=True)
        system.set_R_mat(key, matrices, reset=True)
    return system, states


@pytest.mark.parametrize("axis", [[0, 0, 1], [0, 0, -1], [0, 1, 0], [1, 0, 0], [0.6, 0, -0.8], [0.48, 0.64, 0.6]])
def test_states_are_up_and_down(axis):
    states = spin_states(np.array(axis))
    along = np.einsum("a,aij->ij", axis, PAULI)
    np.testing.assert_allclose(states.conj().T @ states, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(states.conj().T @ along @ states, np.diag([1, -1]), atol=1e-14)


def test_phases_are_those_of_pw2wannier90():
    """Its comment: up (1 + c, a + ib)/√(1 + c), down (c - 1, a + ib)/√(1 - c), times √½."""
    np.testing.assert_allclose(spin_states(np.array([0, 1, 0])), np.array([[1, -1], [1j, 1j]]) / np.sqrt(2), atol=1e-15)


@pytest.mark.parametrize("axis", [[0, 2, 0], [0.3, -0.4, 1.2]])
def test_platinum_along_another_axis(axis):
    """1143.73 whatever the axis; before, zero for y."""
    unit = np.array(axis) / np.linalg.norm(axis)
    system, states = quantised_along(load_system(DATA / "pt" / "Pt_tb.dat.xz", spin=False), unit)
    system = load_system(system, spin_order="interlaced", spin_axis=axis)
    spins = system.get_R_mat("SS")[system.rvec.iR0]
    expected = [states.conj().T @ np.kron(np.eye(9), sigma) @ states for sigma in PAULI]
    np.testing.assert_allclose(spins.transpose(2, 0, 1), expected, atol=1e-14)
    assert abs(xyz(system) - 1143.73) < 0.01


def write_projections(path, signs, axis):
    """Add spinor projections of the small calculation to its .nnkp file."""
    rows = "".join(
        f"{x:.5f} 0.00000 0.00000  0 1 1\n0.0 0.0 1.0  1.0 0.0 0.0 1.00\n{sign:d} {axis[0]:.7f} {axis[1]:.7f} {axis[2]:.7f}\n"
        for x, sign in zip((0, 0, 0.5, 0.5), signs, strict=True)
    )
    with open(path, "a") as file:
        file.write(f"begin spinor_projections\n4\n{rows}end spinor_projections\n")


def load_along(seed, calculation, axis, signs=(1, -1, 1, -1), **options):
    """Functions along an axis, that the .nnkp file states."""
    states = np.kron(np.eye(3), spin_states(np.array(axis) / np.linalg.norm(axis)))
    kept = calculation.hoppings
    calculation.hoppings = {vector: states.conj().T @ matrix @ states for vector, matrix in kept.items()}
    try:
        calculation.write_tb(seed.with_name("X_tb.dat"))
    finally:
        calculation.hoppings = kept
    write_projections(seed.with_name("X.nnkp"), signs, axis)
    return load_system(f"{seed}_tb.dat", **{"spin_order": "interlaced", **options}), states[:4, :4]


def test_axis_of_the_nnkp_file(calculation, seed, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system, states = load_along(seed, calculation, [0, 1, 0])
    assert re.search(r"X\.nnkp, line \d+: up and down are along \[0\.0, 1\.0, 0\.0\] there, not along z", caplog.text)
    expected = [states.conj().T @ np.kron(np.eye(2), sigma) @ states for sigma in PAULI]
    np.testing.assert_allclose(system.get_R_mat("SS")[system.rvec.iR0].transpose(2, 0, 1), expected, atol=1e-12)
    caplog.clear()
    given = load_system(f"{seed}_tb.dat", spin_order="interlaced", spin_axis=[0, 3, 0])
    assert not caplog.records and np.array_equal(given.get_R_mat("SS"), system.get_R_mat("SS"))
    with pytest.raises(InputError, match=r"spin_axis: expected \[0\.0, 1\.0, 0\.0\], the axis of the projections in .*X\.nnkp"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced", spin_axis=[0, 0, 1])


def test_axis_of_the_win_file(seed, caplog):
    with open(seed.with_name("X.win"), "a") as file:
        file.write("begin projections\nPt: s (u,d)[1,0,0] ! one axis\nend projections\n")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(f"{seed}_tb.dat", spin_order="interlaced")
    assert re.search(r"X\.win, line \d+: up and down are along \[1\.0, 0\.0, 0\.0\] there", caplog.text)
    assert np.allclose(system.get_R_mat("SS")[system.rvec.iR0, :, :, 0], np.diag([1, -1, 1, -1]))


@pytest.mark.parametrize("axis", [[0, 0, 0], [1, 2], "y", [0, np.nan, 1], [[1, 0, 0]], ["a", "b", "c"]])
def test_axes_that_are_none(seed, axis):
    with pytest.raises(InputError, match="spin_axis: expected three numbers, not all zero"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced", spin_axis=axis)


def test_axis_without_order(seed):
    for name, value in (("spin_axis", [0, 0, 1]), ("spin_part_tolerance", 2.0)):
        with pytest.raises(InputError, match=f"{name}: expected to be given with spin_order only"):
            load_system(seed, **{name: value})


@pytest.mark.parametrize(
    ("ending", "text", "words"),
    [
        (".win", "begin projections\nPt: s [0,1]\nend projections\n", r"a spin axis \[x,y,z\]; found '0,1'"),
        (".win", "begin projections\nPt: s [0,1,y]\nend projections\n", r"a spin axis \[x,y,z\]; found '0,1,y'"),
        (".win", "begin projections\nPt: s [0,0,0]\nend projections\n", "a spin axis that is not zero"),
        (
            ".win",
            "begin projections\nPt: s [0,0,1]\nPt: p [0,1,0]\nend projections\n",
            r"one spin axis for all projections, .*; found \[0\.0, 1\.0, 0\.0\]",
        ),
        (".nnkp", SPINOR.format("2 0 0 1"), "spin 1 or -1"),
        (".nnkp", SPINOR.format("1 0 0"), "4 finite numbers"),
    ],
)
def test_stated_axes_that_cannot_be_used(seed, ending, text, words):
    with open(seed.with_name(f"X{ending}"), "a") as file:
        file.write(text)
    with pytest.raises(InputError, match=rf"X\{ending}, line \d+: expected {words}"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced")


def test_what_files_state():
    assert read_stated_spins(DATA / "te" / "Te.win") is None
    stated = read_stated_spins(DATA / "te" / "Te.nnkp")
    assert stated.signs.tolist() == [1, -1] * 12 and np.array_equal(stated.axes, np.tile(Z_AXIS, (24, 1)))


def test_order_of_the_nnkp_file(calculation, seed, caplog):
    """Down first is warned of, not refused: only VASP's users know. Before, -1143.73 for platinum without a word."""
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_along(seed, calculation, [0, 0, 1], signs=(-1, 1, -1, 1))
    assert re.search(
        r"X_tb\.dat: spin_order has function 1 up, the projections of .*X\.nnkp \(line \d+\) have it down, and so for 4 of 4 "
        r"functions: one is wrong, unless the code \(VASP\) did not keep the order.*changes the sign of spin",
        caplog.text,
    )
    caplog.clear()
    load_system(f"{seed}_tb.dat", spin_order=[(1, 0), (3, 2)])
    assert not caplog.records


def test_order_of_platinum(caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(DATA / "pt" / "Pt_tb.dat.xz", spin_order=[(2 * i + 1, 2 * i) for i in range(9)])
    assert "Pt.nnkp (line 89) have it up, and so for 18 of 18 functions" in caplog.text
    assert abs(xyz(system) + 1143.73) < 0.01


@pytest.mark.parametrize(("code", "said"), [("qe", False), ("vasp6", False), ("vasp5", True), ("fplo", True)])
def test_order_by_code(code, said, caplog):
    path = DATA / "te" / "Te_tb.dat.xz"
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(path, spin_order=code)
    assert (f"spin_order = '{code}' taken as 'interlaced', as centres and Hamiltonian say" in caplog.text) == said
    assert np.array_equal(system.get_R_mat("SS"), load_system(path, spin_order="interlaced").get_R_mat("SS"))


def test_order_by_code_in_blocks(seed):
    system = load_system(f"{seed}_tb.dat", spin=False)
    system.reorder([0, 2, 1, 3])
    assert load_system(system, spin_order="vasp5") is system
    assert np.allclose(np.diag(system.get_R_mat("SS")[system.rvec.iR0, :, :, 2]), [1, 1, -1, -1])
    system.clear_R_mat("SS")
    with pytest.raises(InputError, match="the centres of each pair within"):
        load_system(system, spin_order="qe")


def test_order_by_code_that_is_not_clear(seed):
    system = load_system(f"{seed}_tb.dat", spin=False)
    system.set_wannier_centers(wannier_centers_cart=np.zeros((4, 3)))
    system.set_R_mat("Ham", np.eye(4) * 0.1 + 0j, R=[0, 0, 0], add=True)
    for vector in system.rvec.iRvec:
        system.set_R_mat("Ham", 0.4 * np.ones((4, 4)) + 0j, R=vector, add=True)
    with pytest.raises(InputError, match=r"spin_order: expected one order that the Hamiltonian of .* clearly has, as 'vasp5'"):
        load_system(system, spin_order="vasp5")
    with pytest.raises(InputError, match="'block' or 'interlaced', as 'vasp5' may be either"):
        spin_pairs("vasp5", 4)


def test_complex_orbitals(seed):
    """p+, p- and pz in place of px, py and pz, both spins: spin is right, time reversal exchanges p+ and p-."""
    system = load_system(DATA / "pt" / "Pt_tb.dat.xz", spin=False)
    names, turn = [0, 1, 2, 3, 4, 5, 6, 7, 8], np.eye(9, dtype=complex)
    turn[2:4, 2:4] = np.array([[-1, 1], [-1j, -1j]]) / np.sqrt(2)
    assert names[2:4] == [2, 3]  # px, py
    states = np.kron(turn, np.eye(2))
    for key in ("Ham", "AA"):
        matrices = np.einsum("im,rij...,jn->rmn...", states.conj(), system.get_R_mat(key), states, optimize=True)
        system.set_R_mat(key, matrices, reset=True)
    with pytest.raises(
        InputError,
        match=r"time reversal.*the spin-independent part of H has imaginary parts up to .* eV: complex orbitals, such as "
        r"spherical harmonics, of which spin is right all the same, or magnetism: then say time_reversal=False",
    ):
        load_system(system, spin_order="interlaced")
    assert abs(xyz(load_system(system, spin_order="interlaced", time_reversal=False)) - 1143.73) < 0.01


def test_components(seed):
    """Every component of S along an axis is that along z, turned."""
    for axis in itertools.permutations([0.0, 0.6, 0.8]):
        states = spin_states(np.array(axis))
        system, _ = quantised_along(load_system(f"{seed}_tb.dat", spin=False), axis)
        spins = load_system(system, spin_order="interlaced", spin_axis=axis).get_R_mat("SS")[system.rvec.iR0]
        for i, sigma in enumerate(PAULI):
            np.testing.assert_allclose(spins[:2, :2, i], states.conj().T @ sigma @ states, atol=1e-12)
