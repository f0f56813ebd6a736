"""`impurity_from_difference`: a known potential in a supercell is recovered; crystals that do not match are refused."""

import dataclasses
import itertools
import logging

import numpy as np
import pytest
from messages import printed_as, rows

from wb_conserved import InputError
from wb_conserved.disorder import ImpurityPotential, impurity_from_difference
from wb_conserved.io.projections import FunctionLabel
from wb_conserved.models import lattice_system

LATTICE = np.array([[0.0, 1.9, 1.8], [2.0, 0.1, 1.7], [1.8, 2.1, 0.0]])
SITES = np.array([[0.1, 0.2, 0.0], [1.6, 1.8, 1.5]])  # Å
AXES = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
OTHER_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ORBITALS = {0: ["s", "pz", "px", "py"], 1: ["s", "dxy"]}
ANGULAR = {"s": 0, "p": 1, "d": 2}
MULTIPLES = {"2 x 2 x 1": np.diag([2, 2, 1]), "oblique": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])}


def labels_of_cell(number=0, names=("Na", "Cl")):
    """Labels of the functions of a cell whose atoms are counted from 2 * number."""
    return [
        FunctionLabel(2 * number + atom, names[atom], orbital, (ANGULAR[orbital[0]], 1, 1.0, AXES), spin)
        for atom, orbitals in ORBITALS.items()
        for orbital in orbitals
        for spin in (1, -1)
    ]


CELL = labels_of_cell()
SIZE = len(CELL)
OFFSETS = np.random.default_rng(7).normal(scale=0.05, size=(SIZE, 3))  # of the centres from their atoms, Å


def hoppings():
    """H(R) of a crystal of two atoms, without symmetry; eV."""
    generator = np.random.default_rng(3)
    vectors = [v for v in itertools.product((-1, 0, 1), repeat=3) if v > (0, 0, 0)]
    found = {v: generator.normal(size=(2, SIZE, SIZE)) for v in [(0, 0, 0), *vectors]}
    found = {v: 0.3 * (real + 1j * imaginary) for v, (real, imaginary) in found.items()}
    found[0, 0, 0] = found[0, 0, 0] + found[0, 0, 0].conj().T
    return found


def crystal(names=("Na", "Cl")):
    centers = np.array([SITES[label.atom] for label in CELL]) + OFFSETS
    system = lattice_system(LATTICE, hoppings(), centers=centers)
    system.function_labels = tuple(labels_of_cell(names=names))
    return system


def potential(seed=1, atom=0, scale=1.0):
    number = 2 * len(ORBITALS[atom])
    generator = np.random.default_rng(seed)
    W = scale * (generator.normal(size=(number, number)) + 1j * generator.normal(size=(number, number)))
    return W + W.conj().T


def is_integer(vector):
    return np.allclose(vector, np.rint(vector), atol=1e-9)


def supercell(multiples, potentials=None, shift=0.0, replaced=0, seed=0, name="K", moved=0.0):
    """The crystal in a larger cell, of random order and origin, functions in random home cells.

    `potentials` are added to H on atoms, whose number here is 2 * cell + atom; `shift` to all levels.
    """
    generator = np.random.default_rng(seed)
    inverse = np.linalg.inv(multiples)
    size = abs(round(np.linalg.det(multiples)))
    inside = itertools.product(range(-2, 3), repeat=3)
    cells = [np.array(v) for v in inside if np.all((0 <= np.round(v @ inverse, 9)) & (np.round(v @ inverse, 9) < 1))]
    assert len(cells) == size
    homes = generator.integers(-1, 2, size=(size * SIZE, 3))  # cells of the supercell
    full = hoppings()
    full |= {tuple(-np.array(v)): matrix.conj().T for v, matrix in full.items() if any(v)}
    folded = {}
    for (number, cell), (vector, matrix) in itertools.product(enumerate(cells), full.items()):
        target = cell + vector
        other = next(n for n, c in enumerate(cells) if is_integer((target - c) @ inverse))
        far = np.rint((target - cells[other]) @ inverse).astype(int)
        for i, j in itertools.product(range(SIZE), repeat=2):
            a, b = number * SIZE + i, other * SIZE + j
            place = tuple((far + homes[a] - homes[b]).tolist())
            folded.setdefault(place, np.zeros((size * SIZE,) * 2, dtype=complex))[a, b] += matrix[i, j]
    labels = [label for number in range(size) for label in labels_of_cell(number)]
    for atom, W in (potentials or {}).items():
        mine = [i for i, label in enumerate(labels) if label.atom == atom]
        for (m, a), (n, b) in itertools.product(enumerate(mine), repeat=2):
            place = tuple((homes[a] - homes[b]).tolist())
            folded.setdefault(place, np.zeros((size * SIZE,) * 2, dtype=complex))[a, b] += W[m, n]
    folded[0, 0, 0] = folded[0, 0, 0] + shift * np.eye(size * SIZE)
    steps = generator.normal(size=(2 * size, 3))
    steps *= moved / np.linalg.norm(steps, axis=1, keepdims=True) if moved else 0.0
    centers = np.concatenate([SITES[[label.atom for label in CELL]] + OFFSETS + cell @ LATTICE for cell in cells])
    centers = centers + homes @ multiples @ LATTICE + steps[[label.atom for label in labels]]
    centers = centers + generator.normal(size=3)
    order = generator.permutation(size * SIZE)
    one_of_two = {v: m for v, m in folded.items() if v == (0, 0, 0) or v > (0, 0, 0)}
    renamed = [dataclasses.replace(label, name=name) if label.atom == replaced else label for label in labels]
    system = lattice_system(
        multiples @ LATTICE, {v: m[np.ix_(order, order)] for v, m in one_of_two.items()}, centers=centers[order]
    )
    system.function_labels = tuple(renamed[i] for i in order)
    return system


def test_the_supercell_has_the_bands_of_the_crystal():
    """Of the helper: at a k point of the large cell, those of the k points that it holds."""
    multiples = MULTIPLES["oblique"]
    system, clean = supercell(multiples, name="Na"), crystal()

    def bands(system, k):
        phases = np.exp(2j * np.pi * np.asarray(system.rvec.iRvec) @ k)
        return np.linalg.eigvalsh(np.einsum("r,rij->ij", phases, system.get_R_mat("Ham")))

    k = np.array([0.13, 0.29, -0.21])  # of the crystal
    large = bands(system, multiples @ k)
    for energy in bands(clean, k):
        assert np.abs(large - energy).min() < 1e-10


@pytest.mark.parametrize("name", MULTIPLES)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("replaced", [0, 5])
def test_a_known_potential_is_recovered(name, seed, replaced):
    """With the shift found, whatever the order of the functions, the home cells, the origin and the place of the atom."""
    if replaced >= 2 * abs(round(np.linalg.det(MULTIPLES[name]))):
        replaced = 3
    W = potential(atom=replaced % 2)
    defective = supercell(MULTIPLES[name], {replaced: W}, shift=2.7, replaced=replaced, seed=seed)
    for shift in ("farthest", None, 2.7):
        found = impurity_from_difference(crystal(), defective, "K", shift=shift)
        np.testing.assert_allclose(found.potential, W, atol=1e-12)
        assert found.shift == pytest.approx(2.7, abs=1e-12)
        assert found.functions == ((0, 1, 2, 3, 4, 5, 6, 7), (8, 9, 10, 11))[replaced % 2]
        assert sum(shell.atoms for shell in found.shells) == 2 * abs(round(np.linalg.det(MULTIPLES[name])))
        assert max(shell.block for shell in found.shells[1:]) < 1e-12
        assert max(shell.hop for shell in found.shells) < 1e-12
    np.testing.assert_allclose(impurity_from_difference(crystal(), defective, replaced).potential, W, atol=1e-12)


def test_some_orbitals():
    W = potential()
    defective = supercell(MULTIPLES["oblique"], {0: W}, shift=-1.0)
    found = impurity_from_difference(crystal(), defective, "K", orbitals=["px", "s"])
    places = [0, 1, 4, 5]
    assert found.functions == tuple(places)
    assert found.names == ("s up", "s down", "px up", "px down")
    np.testing.assert_allclose(found.potential, W[np.ix_(places, places)], atol=1e-12)


def test_the_clean_crystal_in_a_large_cell_too():
    """Any copy of the atom will do."""
    W = potential()
    clean = supercell(MULTIPLES["oblique"], seed=4, name="Na")
    defective = supercell(MULTIPLES["oblique"], {2: W}, shift=0.4, replaced=2)
    found = impurity_from_difference(clean, defective, "K")
    np.testing.assert_allclose(found.potential[np.ix_(*_order(found))], W, atol=1e-12)
    atoms = {clean.function_labels[i].atom for i in found.functions}
    assert len(atoms) == 1 and atoms.pop() % 2 == 0


def _order(found):
    places = [found.names.index(f"{label.orbital} {'up' if label.spin > 0 else 'down'}") for label in CELL[:8]]
    return places, places


def distances(system, atom):
    """Of all atoms from one, by brute force."""
    labels = system.function_labels
    centers = {
        a: system.wannier_centers_cart[[i for i, label in enumerate(labels) if label.atom == a]]
        for a in {label.atom for label in labels}
    }
    copies = np.array(list(itertools.product(range(-4, 5), repeat=3))) @ system.real_lattice

    def position(a):  # home cells differ: copies that are nearest to the first
        first = centers[a][0]
        near = [min(copies + center, key=lambda point: np.linalg.norm(point - first)) for center in centers[a]]
        return np.mean(near, axis=0)

    return {a: np.linalg.norm(copies + position(a) - position(atom), axis=1).min() for a in centers}


@pytest.mark.parametrize("name", MULTIPLES)
def test_decay(name):
    """Levels that fall off with distance are found so, and the shift is what is left on the farthest atoms."""
    away = distances(supercell(MULTIPLES[name], seed=2), 0)
    levels = {a: np.exp(-distance) * np.eye(2 * len(ORBITALS[a % 2])) for a, distance in away.items()}
    defective = supercell(MULTIPLES[name], levels, shift=5.0, seed=2)
    found = impurity_from_difference(crystal(), defective, "K", shift=5.0)
    assert [shell.distance for shell in found.shells] == sorted(shell.distance for shell in found.shells)
    assert sum(shell.atoms for shell in found.shells) == len(away)
    for shell in found.shells:
        assert shell.level == pytest.approx(np.exp(-shell.distance), rel=0.05)  # a shell: within 0.05 Å
        assert shell.block == pytest.approx(np.exp(-shell.distance), rel=0.05)
        assert min(abs(distance - shell.distance) for distance in away.values()) < 0.05
        assert shell.hop < 1e-12
    shift = impurity_from_difference(crystal(), defective, 0).shift
    assert shift == pytest.approx(5.0 + np.exp(-max(away.values())), rel=0.01 * np.exp(-max(away.values())))
    lines = str(found).splitlines()
    assert lines[0] == "shift of the energies: 5.0000 eV; hops that change are left out"
    assert [float(line.split()[0]) for line in lines[2:]] == [round(shell.distance, 3) for shell in found.shells]


def test_hops_that_change_are_listed():
    """A hop to one neighbour, of 0.25 eV between two functions, which is not part of W."""
    before = impurity_from_difference(crystal(), good(), "K")
    defective = with_another_hop(0.25)
    position = distances(defective, 0)[3]
    found = impurity_from_difference(crystal(), defective, "K")
    np.testing.assert_allclose(found.potential, before.potential, atol=1e-12)
    assert {round(shell.hop, 10) for shell in found.shells} == {0.0, 0.25}
    assert next(s for s in found.shells if s.hop > 0.1).distance == pytest.approx(position, abs=0.05)


def _number(label):
    """Number of a function in the crystal."""
    return next(
        n
        for n, other in enumerate(CELL)
        if (other.orbital, other.spin, other.atom) == (label.orbital, label.spin, label.atom % 2)
    )


def test_atoms_may_move():
    defective = supercell(MULTIPLES["oblique"], {1: potential(atom=1)}, replaced=1, moved=0.2)
    found = impurity_from_difference(crystal(), defective, "K")
    np.testing.assert_allclose(found.potential, potential(atom=1), atol=1e-12)
    with pytest.raises(
        InputError, match=r"defective: expected atoms at most 0\.1 Å from the sites of clean .*; found one 0\.\d+ Å"
    ):
        impurity_from_difference(crystal(), defective, "K", tolerance=0.1)


def test_an_impurity_of_it(tmp_path):
    """As one that is given, from the file too; other functions are refused."""
    W = potential()
    found = impurity_from_difference(crystal(), supercell(MULTIPLES["oblique"], {0: W}), "K")
    found.save(tmp_path / "potential.npz")
    read = ImpurityPotential.load(tmp_path / "potential.npz")
    assert (read.shift, read.functions, read.names, read.shells) == (
        found.shift,
        found.functions,
        found.names,
        found.shells,
    )
    functions, matrix = read.impurity(0.02, crystal()).resolve(crystal())
    np.testing.assert_array_equal(matrix, found.potential)
    assert functions.tolist() == list(range(8))
    other = crystal()
    other.function_labels = tuple(reversed(other.function_labels))
    with pytest.raises(
        InputError, match=r"system: expected functions \(0, 1, .*that are s up, s down, pz up.*found dxy down"
    ):
        read.impurity(0.02, other)
    with pytest.raises(InputError, match="concentration: "):
        read.impurity(2.0)
    np.savez(tmp_path / "other.npz", potential=W)
    with pytest.raises(
        InputError, match=r"other\.npz: expected arrays potential, shift, .* as ImpurityPotential\.save writes"
    ):
        ImpurityPotential.load(tmp_path / "other.npz")


def without_labels(system):
    system.function_labels = None
    return system


def relabelled(system, **changes):
    system.function_labels = tuple(
        dataclasses.replace(label, **changes) if label.name == "K" else label for label in system.function_labels
    )
    return system


def not_hermitian(system):
    matrices = system.get_R_mat("Ham").copy()
    matrices[system.rvec.iR0, 0, 1] += 1e-3
    system.set_R_mat("Ham", matrices, reset=True)
    return system


def stretched(system, factor):
    system.real_lattice = system.real_lattice * factor
    return system


def two_replaced(system):
    labels = [dataclasses.replace(label, name="Rb") if label.atom == 2 else label for label in system.function_labels]
    system.function_labels = tuple(labels)
    return system


def one_atom_more(system):
    labels = list(system.function_labels)
    labels[0] = dataclasses.replace(labels[0], atom=99)
    system.function_labels = tuple(labels)
    return system


def good():
    return supercell(MULTIPLES["oblique"], {0: potential()})


@pytest.mark.parametrize(
    ("clean", "defective", "arguments", "message"),
    [
        (crystal, good, {"atom": "Au"}, r"atom: expected one atom of defective: 0 \(K\), 1 \(Cl\), 2 \(Na\).*; found 'Au'"),
        (crystal, good, {"atom": "Cl"}, r"atom: expected one atom of defective.*; found 'Cl'"),
        (crystal, good, {"atom": 8}, r"atom: expected one atom of defective.*; found 8"),
        (lambda: without_labels(crystal()), good, {}, r"clean: expected data with a \.nnkp .* functions without labels"),
        (crystal, lambda: without_labels(good()), {"atom": 0}, "defective: expected data with a"),
        (crystal, lambda: relabelled(good(), orbital="dxy"), {},
         r"defective: expected on atom 0 \(K\) the functions of atom 0 \(Na\) of clean, s up, s down, .*; found dxy up"),
        (crystal, lambda: relabelled(good(), shell=(1, 1, 1.0, OTHER_AXES)), {}, "defective: expected on atom 0"),
        (lambda: not_hermitian(crystal()), good, {},
         r"clean: expected a Hermitian H on the functions of atom 0 \(Na\); .* 0\.001 eV"),
        (lambda: stretched(crystal(), 1.1), good, {},
         r"defective: expected a lattice whose vectors are sums of those of clean"),
        (crystal, lambda: two_replaced(good()), {},
         r"defective: expected the species of clean on all sites but that of atom 0 \(K\); found 1 other"),
        (crystal, lambda: one_atom_more(good()), {}, r"defective: expected 8 atoms, 4 times those of clean; found 9"),
        (crystal, good, {"shift": "nearest"}, "shift: expected a number .* found 'nearest'"),
        (crystal, good, {"shift": np.nan}, "shift: expected a number .* found nan"),
        (crystal, good, {"orbitals": ["d"]}, r"orbitals: expected names among \['px', 'py', 'pz', 's'\].*found \['d'\]"),
        (crystal, good, {"orbitals": []}, r"orbitals: expected names among"),
    ],
)  # fmt: skip
def test_what_does_not_match_is_refused(clean, defective, arguments, message):
    arguments = {"atom": "K"} | arguments
    with pytest.raises(InputError, match=message):
        impurity_from_difference(clean(), defective(), **arguments)


def test_the_cell_itself_has_no_atom_far_away():
    """One cell, one atom: the shift has to be given."""

    def of_one_atom(level, name):
        system = lattice_system(3 * np.eye(3), {(0, 0, 0): level * np.eye(2), (1, 0, 0): 0.1 * np.eye(2)})
        shell = (0, 1, 1.0, AXES)
        system.function_labels = tuple(FunctionLabel(0, name, "s", shell, spin) for spin in (1, -1))
        return system

    clean, defective = of_one_atom(1.0, "Cu"), of_one_atom(3.5, "Pt")
    with pytest.raises(InputError, match="shift: expected a number .*, as the cell has no other atom"):
        impurity_from_difference(clean, defective, "Pt")
    np.testing.assert_allclose(impurity_from_difference(clean, defective, "Pt", shift=0.5).potential, 2 * np.eye(2))


def with_another_hop(change):
    """A hop between a function of the atom and one of another atom, changed; eV."""
    defective = supercell(MULTIPLES["oblique"], {0: potential()})
    labels, matrices = defective.function_labels, defective.get_R_mat("Ham").copy()
    vectors = np.asarray(defective.rvec.iRvec)
    i = next(i for i, label in enumerate(labels) if label.name == "K")
    j = next(j for j, label in enumerate(labels) if label.atom == 3)
    centers = np.array([defective.wannier_centers_cart[k] - OFFSETS[_number(labels[k])] for k in (i, j)])
    place = int(np.argmin([np.linalg.norm(centers[1] - centers[0] + v @ defective.real_lattice) for v in vectors]))
    opposite = np.flatnonzero((vectors == -vectors[place]).all(axis=1))[0]
    matrices[place, i, j] += change
    matrices[opposite, j, i] += change
    defective.set_R_mat("Ham", matrices, reset=True)
    return defective


def differences_everywhere():
    return supercell(MULTIPLES["oblique"], {a: potential(a, a % 2, 0.3) for a in range(8)})


SITUATIONS = {
    "small_cell": (differences_everywhere, {}),
    "hops_left_out": (lambda: with_another_hop(5.0), {}),
    "hops_not_absorbed": (lambda: with_another_hop(5.0), {"energy": 0.0, "width": 1.0, "mesh": 4}),
}
ROWS = rows("test_disorder_difference.py")


def test_every_situation_has_a_row():
    assert sorted(name for *_, name in ROWS) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), ROWS, ids=[name for *_, name in ROWS])
def test_row(caplog, situation, message, name):
    """What may not be meant is said in one line, as tests/README.md shows it."""
    make, arguments = SITUATIONS[name]
    with caplog.at_level(logging.WARNING, "wb_conserved.disorder"):
        impurity_from_difference(crystal(), make(), "K", **arguments)
    (record,) = caplog.records
    assert printed_as(message, record.getMessage()), record.getMessage()


def test_nothing_is_said_of_a_good_cell(caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.disorder"):
        impurity_from_difference(crystal(), good(), "K")
        impurity_from_difference(crystal(), with_another_hop(0.05), "K")
    assert not caplog.records
