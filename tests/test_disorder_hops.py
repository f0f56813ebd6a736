"""Hops of an impurity absorbed into its potential, against the resolvent of the whole supercell; Friedel's sum."""

import numpy as np
import pytest

from wb_conserved import InputError
from wb_conserved.disorder import Impurity, impurity_from_difference
from wb_conserved.disorder.hops import friedel_sum
from wb_conserved.io.projections import FunctionLabel
from wb_conserved.models import lattice_system, supercell

AXES = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
ORBITALS = ("s", "pz", "px")
NUMBER = len(ORBITALS)
LATTICE = np.array([[3.0, 0.0, 0.1], [0.0, 3.1, 0.0], [0.2, 0.0, 2.9]])
CELLS = 3  # of the supercell, along each direction
ENERGY = 0.7


def matrix(seed, number=NUMBER):
    generator = np.random.default_rng(seed)
    return 0.5 * (generator.normal(size=(number, number)) + 1j * generator.normal(size=(number, number)))


def hermitian(seed):
    return matrix(seed) + matrix(seed).conj().T


LEVELS, HOP_FACTOR = hermitian(20), np.eye(NUMBER) + matrix(21)


def labelled(system, names):
    system.function_labels = tuple(
        FunctionLabel(atom, name, orbital, (int(orbital != "s"), 1, 1.0, AXES), 0)
        for atom, name in enumerate(names)
        for orbital in ORBITALS
    )
    return system


def crystal():
    hops = {v: matrix(i) for i, v in enumerate([(1, 0, 0), (0, 1, 0), (0, 0, 1)])}
    return labelled(lattice_system(LATTICE, {(0, 0, 0): hermitian(9)} | hops), ["Cu"])


def defective(factor=HOP_FACTOR, levels=LEVELS, shift=0.0):
    """Atom 0 with other levels, and hops that are a matrix times those of the crystal."""
    system = supercell(crystal(), [CELLS] * 3)
    matrices = system.get_R_mat("Ham").copy()
    here = slice(0, NUMBER)
    zero = system.rvec.iR0
    matrices[:, here, NUMBER:] = factor @ matrices[:, here, NUMBER:]
    matrices[:, NUMBER:, here] = matrices[:, NUMBER:, here] @ factor.conj().T
    matrices[zero, here, here] = levels
    matrices[zero] += shift * np.eye(system.num_wann)
    system.set_R_mat("Ham", matrices, reset=True)
    return labelled(system, ["Pt"] + ["Cu"] * (CELLS**3 - 1))


def hamiltonian(system, k):
    """Of the supercell at one k point."""
    return np.tensordot(np.exp(2j * np.pi * np.asarray(system.rvec.iRvec) @ k), system.get_R_mat("Ham"), axes=1)


def test_outside_electrons_see_the_impurity_with_its_hops():
    """Resolvent between all other functions, of levels and hops together and of W alone: equal at the energy, not elsewhere."""
    found = impurity_from_difference(crystal(), defective(shift=1.3), "Pt", energy=ENERGY, width=2.0, mesh=6)
    assert found.shift == pytest.approx(1.3, abs=1e-12)
    assert found.left < 1e-6
    assert found.energy == ENERGY
    k = np.array([0.11, 0.23, 0.37])
    with_hops = hamiltonian(defective(), k)
    with_potential = hamiltonian(supercell(crystal(), [CELLS] * 3), k)
    with_potential[:NUMBER, :NUMBER] += found.potential
    outside = np.s_[NUMBER:, NUMBER:]

    def difference(energy):
        one = energy * np.eye(len(with_hops))
        expected = np.linalg.inv(one - with_hops)[outside]
        return np.abs(np.linalg.inv(one - with_potential)[outside] - expected).max() / np.abs(expected).max()

    assert difference(ENERGY) < 1e-9
    assert difference(ENERGY + 0.5) > 1e-3
    plain = impurity_from_difference(crystal(), defective(), "Pt")
    assert np.abs(plain.potential - found.potential).max() > 0.1
    np.testing.assert_allclose(plain.potential, LEVELS - hermitian(9), atol=1e-12)


def test_hops_that_do_not_change_leave_the_difference():
    system = defective(factor=np.eye(NUMBER))
    found = impurity_from_difference(crystal(), system, 0, energy=ENERGY, width=2.0, mesh=6)
    np.testing.assert_allclose(found.potential, LEVELS - hermitian(9), atol=1e-9)
    assert found.left == 0


def with_another_hop():
    """A hop to one neighbour alone: no product of a matrix and the hops of the crystal."""
    system = defective()
    matrices, vectors = system.get_R_mat("Ham").copy(), np.asarray(system.rvec.iRvec)
    change, neighbour = matrix(30), slice(NUMBER, 2 * NUMBER)  # the cell (0, 0, 1)
    zero = system.rvec.iR0
    assert not vectors[zero].any()
    matrices[zero, :NUMBER, neighbour] += change
    matrices[zero, neighbour, :NUMBER] += change.conj().T
    system.set_R_mat("Ham", matrices, reset=True)
    return system


def test_what_is_no_product_is_fitted_to_the_states_at_the_energy():
    """As from the states of the supercell that the mesh of 3 x 3 x 3 unfolds from, and the text says what is left."""
    system, width = with_another_hop(), 1.0
    found = impurity_from_difference(crystal(), system, 0, energy=ENERGY, width=width, mesh=CELLS)
    assert 0.05 < found.left < 0.95
    assert f"absorbed at {ENERGY:g} eV, but for {100 * found.left:.0f} %" in str(found)
    clean, changed = (hamiltonian(s, np.zeros(3)) for s in (supercell(crystal(), [CELLS] * 3), system))
    energies, states = np.linalg.eigh(clean)
    weights = np.exp(-0.5 * ((energies - ENERGY) / width) ** 2)  # of amplitudes
    old, new = (H[:NUMBER, NUMBER:] @ states[NUMBER:] * weights for H in (clean, changed))
    L = np.linalg.lstsq(old.T, new.T, rcond=None)[0].T
    assert found.left == pytest.approx(np.linalg.norm(new - L @ old) / np.linalg.norm(new - old), rel=1e-9)
    inverse, one = np.linalg.inv(L), ENERGY * np.eye(NUMBER)
    expected = one - hermitian(9) - inverse @ (one - LEVELS) @ inverse.conj().T
    np.testing.assert_allclose(found.potential, expected, atol=1e-9)


@pytest.mark.parametrize("broadening", [0.3, 1.0])
def test_friedel_sum_counts_states(broadening):
    """That of a mesh is the difference of the numbers of states, Lorentzians, in the supercell that unfolds to it."""
    W = hermitian(40)
    clean = hamiltonian(supercell(crystal(), [CELLS] * 3), np.zeros(3))
    with_potential = clean.copy()
    with_potential[:NUMBER, :NUMBER] += W
    for energy in (-1.0, ENERGY):
        counts = [
            (0.5 + np.arctan((energy - np.linalg.eigvalsh(H)) / broadening) / np.pi).sum()
            for H in (with_potential, clean)
        ]
        found = friedel_sum(crystal(), range(NUMBER), W, energy, broadening, CELLS)
        assert abs(counts[0] - counts[1]) > 0.01
        assert found == pytest.approx(counts[0] - counts[1], abs=1e-10)


def test_a_bound_state_is_one_electron():
    """A strong attraction on one function: one state below the bands, none missing above them."""
    system = lattice_system(3 * np.eye(3), {(1, 0, 0): [[-0.5]], (0, 1, 0): [[-0.5]], (0, 0, 1): [[-0.5]]})
    W = np.array([[-8.0]])
    below, above = (friedel_sum(system, [0], W, energy, 1e-3, 8) for energy in (-4.0, 4.0))
    assert below == pytest.approx(1, abs=1e-3)
    assert above == pytest.approx(0, abs=1e-3)


def test_a_method_of_the_potential(tmp_path):
    found = impurity_from_difference(crystal(), defective(), "Pt", energy=ENERGY, width=2.0, mesh=6)
    arguments = (found.functions, found.potential, ENERGY, 0.2, 5)
    assert found.friedel_sum(crystal(), ENERGY, broadening=0.2, mesh=5) == friedel_sum(crystal(), *arguments)
    found.save(tmp_path / "potential.npz")
    read = type(found).load(tmp_path / "potential.npz")
    assert (read.energy, read.left) == (found.energy, found.left)
    assert isinstance(read.impurity(0.01, crystal()), Impurity)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"energy": 40.0},
            r"energy: expected an energy \(eV\) with states, within 0\.2 eV and on 12 points.*found 40\.0",
        ),
        ({"energy": ENERGY, "orbitals": ["s"]}, r"orbitals: expected none with energy: .* found \['s'\]"),
        ({"energy": np.nan}, r"energy: expected a finite number \(eV\); found nan"),
        ({"energy": ENERGY, "width": 0.0}, "width: expected a number > 0"),
        ({"energy": ENERGY, "mesh": 0}, "mesh: expected a number of k points"),
        ({"width": 0.1}, "width: expected to be given with energy only"),
        ({"mesh": 4}, "mesh: expected to be given with energy only"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        impurity_from_difference(crystal(), defective(), "Pt", **arguments)
