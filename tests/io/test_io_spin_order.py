"""A spin order that is given is checked: centres of the pairs, spin-dependent part of H, time reversal."""

import numpy as np
import pytest
from wannierberri.system import System_R

from wb_conserved.io import InputError, load_system
from wb_conserved.io.spin_order import kramers_splitting, spin_pairs, time_reversal_residual

PAIRS = [(0, 1), (2, 3)]


def rearranged(seed, order=(0, 1, 2, 3), together=False) -> System_R:
    """The small calculation without spin, functions in another order, all centres together if wanted."""
    system = load_system(f"{seed}_tb.dat", spin=False)
    if together:
        system.set_wannier_centers(wannier_centers_cart=np.zeros((4, 3)))
    system.reorder(list(order))
    return system


@pytest.mark.parametrize("spin_order", ["interlaced", PAIRS, np.array(PAIRS)])
def test_right_order(seed, spin_order):
    system = load_system(f"{seed}_tb.dat", spin_order=spin_order)
    spins = system.get_R_mat("SS")
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for i, sigma in enumerate(pauli):
        assert np.array_equal(spins[system.rvec.iR0, :, :, i], np.kron(np.eye(2), sigma))
    assert np.count_nonzero(np.delete(spins, system.rvec.iR0, axis=0)) == 0


def test_block(seed):
    system = rearranged(seed, (0, 2, 1, 3))
    assert load_system(system, spin_order="block") is system
    assert np.allclose(system.get_R_mat("SS")[system.rvec.iR0, :, :, 2], np.diag([1, 1, -1, -1]))


def test_centres_apart(seed):
    with pytest.raises(
        InputError,
        match=r"X_tb\.dat: expected the centres of each pair within 0\.1 Å in "
        r"spin_order='block'; found functions 1 and 3 at 1\.5000 Å; 'interlaced' has 0\.0000 Å at most",
    ):
        load_system(f"{seed}_tb.dat", spin_order="block")


def test_tolerance_of_distance(seed):
    system = rearranged(seed)
    centers = system.wannier_centers_cart.copy()
    centers[1, 0] += 0.2
    system.set_wannier_centers(wannier_centers_cart=centers)
    with pytest.raises(InputError, match=r"functions 1 and 2 at 0\.2000 Å"):
        load_system(system, spin_order="interlaced")
    assert load_system(system, spin_order="interlaced", spin_tolerance=0.25).has_R_mat("SS")


def test_wrong_order_with_the_same_centres(seed):
    with pytest.raises(InputError, match=r"spin-independent hoppings.*spin_order='block'.*'interlaced' has 0\."):
        load_system(rearranged(seed, together=True), spin_order="block")
    with pytest.raises(InputError, match=r"spin-independent hoppings.*the pairs of spin_order.*'interlaced' has 0\."):
        load_system(rearranged(seed, together=True), spin_order=[(0, 2), (1, 3)])
    with pytest.raises(InputError, match=r"spin_order='interlaced'.*'block' has 0\."):
        load_system(rearranged(seed, (0, 2, 1, 3), together=True), spin_order="interlaced")


def test_time_reversal_is_checked_where_bands_are_degenerate(seed):
    """A down function with another phase is no time-reversal partner, though all bands stay."""
    system = rearranged(seed)
    assert kramers_splitting(system.get_R_mat("Ham"), system.rvec.iRvec) < 1e-6
    turn = np.array([1, 1j, 1, 1])
    system.set_R_mat("Ham", turn[:, None].conj() * system.get_R_mat("Ham") * turn, reset=True)
    assert time_reversal_residual(system.get_R_mat("Ham"), np.array(PAIRS)) > 0.1
    with pytest.raises(InputError, match=r"H\(R\) = σ_y H\(R\)\* σ_y \(time reversal\) to 0\.01 eV.*found"):
        load_system(system, spin_order="interlaced")
    with pytest.raises(InputError, match="time reversal"):
        load_system(system, spin_order="interlaced", time_reversal=True)
    assert load_system(system, spin_order="interlaced", time_reversal=False).has_R_mat("SS")


def test_magnet(seed):
    system = rearranged(seed)
    exchange = np.diag([0.3, -0.3, 0.1, -0.1]).astype(complex)
    system.set_R_mat("Ham", exchange, R=[0, 0, 0], add=True)
    with pytest.raises(InputError, match=r"time reversal.*found a difference of 0\.6 eV"):
        load_system(system, spin_order="interlaced", time_reversal=True)
    assert load_system(system, spin_order="interlaced", time_reversal=True, time_reversal_tolerance=0.7).has_R_mat("SS")
    system.clear_R_mat("SS")
    assert load_system(system, spin_order="interlaced").has_R_mat("SS")


@pytest.mark.parametrize(
    "spin_order",
    [
        "up first",
        [(0, 1)],
        [(0, 1), (2, 2)],
        [(0, 1), (2, 4)],
        [0, 1, 2, 3],
        [(0.0, 1.0), (2.0, 3.0)],
        [(0, 1), (2,)],
        5,
    ],
)
def test_orders_that_are_none(seed, spin_order):
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}_tb.dat", spin_order=spin_order)
    assert caught.value.source == "spin_order"


def test_odd_number():
    with pytest.raises(InputError, match="an even number of Wannier functions; found 3"):
        spin_pairs("interlaced", 3)
