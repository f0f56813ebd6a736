"""Magnetic _hr.dat: relative signs of up and down functions are mended; parts that no order explains are refused."""

import logging
from pathlib import Path

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.io import InputError, load_system
from wb_conserved.io.spin_order import by_spin, spin_pairs
from wb_conserved.io.spin_signs import relative_signs, with_signs
from wb_conserved.io.tight_binding import read_tb

CASES = Path(__file__).parent / "cases"
CELL = {"real_lattice": 3 * np.eye(3), "wannier_centers": np.zeros((4, 3)), "periodic": (True, False, False)}


def with_coupling(system):
    """Spin-orbit coupling on the orbitals of the system's own spins: S_x and S_y matter then."""
    spins = system.get_R_mat("SS")[system.rvec.iR0]
    system.set_R_mat("Ham", 0.3 * spins[:, :, 0] + 0.2 * spins[:, :, 1], R=[0, 0, 0], add=True)
    return system


def every_component(system):
    calculator = static.ConventionalSpinConductivity([1.0], kBT=0.2, degen_thresh=0.01)
    return wb_conserved.run(system, (12, 1, 1), {"conventional": calculator}).results["conventional"].data


def test_a_sign_is_mended_and_said(caplog):
    """The two files are one system in two bases."""
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        same = load_system(CASES / "same_hr.dat", spin_order="block", **CELL)
    assert "opposite" not in caplog.text
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        flip = load_system(CASES / "flip_hr.dat", spin_order="block", **CELL)
    assert (
        "flip_hr.dat: down functions 4 have the sign opposite to that of their up functions, which S_x and S_y now take into "
        "account (spin-dependent part of H 0.915, 1.676 before)"
    ) in caplog.text
    turn = np.diag([1, 1, 1, -1])
    for key in ("Ham", "SS"):
        ours = np.moveaxis(flip.get_R_mat(key), (1, 2), (-2, -1))
        theirs = np.moveaxis(same.get_R_mat(key), (1, 2), (-2, -1))
        np.testing.assert_allclose(turn @ ours @ turn, theirs, atol=1e-12)
    np.testing.assert_allclose(every_component(with_coupling(flip)), every_component(with_coupling(same)), atol=1e-9)


@pytest.mark.parametrize("case", ["same", "flip"])
def test_the_other_order_is_refused(case):
    """Time reversal cannot tell; before, both loaded."""
    with pytest.raises(
        InputError,
        match=r"_hr\.dat: expected a spin-dependent part of H of 1 at most, times the rest, in spin_order='interlaced'; found "
        r"2\.179; 'block' has 0\.915 \(another order, .* spin_part_tolerance allows it",
    ):
        load_system(CASES / f"{case}_hr.dat", spin_order="interlaced", **CELL)
    assert load_system(CASES / f"{case}_hr.dat", spin_order="interlaced", spin_part_tolerance=2.5, **CELL).num_wann == 4


@pytest.mark.parametrize(("name", "least"), [("pt/Pt", 0.9), ("te/Te", 0.95), ("fe/Fe", 0.5)])
def test_signs_of_real_data(name, least):
    """None where there are none; any that are put in are found, also all of one atom and of a single function."""
    model = read_tb(DATA / f"{name}_tb.dat.xz")
    blocks = by_spin(model.hamiltonian, spin_pairs("interlaced", model.num_wann))
    signs, correlations = relative_signs(blocks)
    assert (signs == 1).all() and correlations.min() > least
    count, rng = len(signs), np.random.default_rng(5)
    some = [np.where(np.arange(count) == 3, -1, 1), np.where(np.arange(count) < 4, -1, 1)]
    for turned in (*some, *(np.where(rng.random(count) < 0.4, -1, 1) for _ in range(5))):
        found, _ = relative_signs(with_signs(blocks, turned))
        assert np.array_equal(found, turned) or np.array_equal(found, -turned)


@pytest.mark.parametrize("name", ["pt/Pt", "te/Te", "fe/Fe"])
def test_wrong_orders_mend_nothing(name):
    model = read_tb(DATA / f"{name}_tb.dat.xz")
    _, correlations = relative_signs(by_spin(model.hamiltonian, spin_pairs("block", model.num_wann)))
    assert correlations.min() < 0.1


def test_iron_with_turned_signs(caplog):
    expected = load_system(DATA / "fe" / "Fe_tb.dat.xz", spin_order="interlaced")
    system = load_system(DATA / "fe" / "Fe_tb.dat.xz", spin=False)
    turn = np.ones(18)
    turn[[3, 9]] = -1
    for key in ("Ham", "AA"):
        matrices = system.get_R_mat(key)
        shape = (1, 18, 1) + (1,) * (matrices.ndim - 3), (1, 1, 18) + (1,) * (matrices.ndim - 3)
        system.set_R_mat(key, turn.reshape(shape[0]) * matrices * turn.reshape(shape[1]), reset=True)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(system, spin_order="interlaced")
    assert "down functions 4, 10 have the sign opposite" in caplog.text
    spins, wanted = (s.get_R_mat("SS")[s.rvec.iR0] for s in (system, expected))
    np.testing.assert_allclose(turn[:, None, None] * spins * turn[None, :, None], wanted, atol=1e-14)


def test_platinum_with_turned_signs(caplog):
    """Before: refused by the check of time reversal."""
    system = load_system(DATA / "pt" / "Pt_tb.dat.xz", spin=False)
    turn = np.ones(18)
    turn[[7]] = -1
    for key in ("Ham", "AA"):
        matrices = system.get_R_mat(key)
        shape = (1, 18, 1) + (1,) * (matrices.ndim - 3), (1, 1, 18) + (1,) * (matrices.ndim - 3)
        system.set_R_mat(key, turn.reshape(shape[0]) * matrices * turn.reshape(shape[1]), reset=True)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(system, spin_order="interlaced")
    assert "down functions 8 have the sign opposite" in caplog.text
    calculator = static.ConventionalSpinConductivity([18.0874], kBT=0.025, degen_thresh=0.01)
    result = wb_conserved.run(system, 8, {"conventional": calculator}).results["conventional"]
    assert abs(result.data[0, 0, 1, 2] - 1143.73) < 0.01


def test_functions_without_hoppings_to_others():
    signs, correlations = relative_signs(np.diag([1.0, 2.0])[None, :, :, None, None] * np.eye(2))
    assert (signs == 1).all() and np.isinf(correlations).all()


def test_doubtful_signs_are_warned_of(caplog):
    """Maximally localised platinum, called magnetic and with the tolerances that let it load: no pure spins at all."""
    path = DATA / "pt_mlwf" / "Pt_tb.dat.xz"
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(path, spin_order="interlaced", spin_tolerance=3.0, spin_part_tolerance=2.0, time_reversal=False)
    assert "may have the sign opposite to that of their up functions, in which case S_x and S_y are wrong" in caplog.text
    with pytest.raises(InputError, match=r"a spin-dependent part of H of 1 at most.*found 1\.\d+"):
        load_system(path, spin_order="interlaced", spin_tolerance=3.0, time_reversal=False)
