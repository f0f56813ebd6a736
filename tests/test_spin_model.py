"""Spin models: conventions, shells, reference states, supercells; what is refused."""

import numpy as np
import pytest

from wb_conserved import InputError
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.quasiparticles import (
    CONVENTIONS,
    Convention,
    SpinModel,
    honeycomb_magnet,
    jarosite,
    triangular_antiferromagnet,
)
from wb_conserved.quasiparticles.magnets import exchange_matrix

CELL = np.array([[1.0, 0.2, 0.0], [-0.1, 1.1, 0.0], [0.0, 0.3, 0.9]])
POSITIONS = [[0.0, 0.0, 0.0], [0.4, 0.3, 0.2]]
SPINS = [1.0, 2.5]
GENERATOR = np.random.default_rng(1)
MATRIX = GENERATOR.normal(size=(3, 3))
STATE = GENERATOR.normal(size=(2, 3))
STATE = STATE / np.linalg.norm(STATE, axis=1)[:, None]


def model(bonds=(), convention="bonds", spins=SPINS, **options):
    return SpinModel(CELL, POSITIONS, spins, bonds, convention=convention, **options)


def kagome_shells(**options):
    """The jarosite from one bond of each shell, with atoms above triangles that point up and below others."""
    own = jarosite()
    ligands = [[1 / 6, 1 / 6, 0.1], [5 / 6, 5 / 6, 0.9]]
    crystal = (own.cell, [*own.positions, *ligands], [1, 1, 1, 2, 2])
    outwards = own.cartesian[:2].mean(axis=0) - own.cartesian.mean(axis=0)
    D = 0.062 * 3.18e-3 * (outwards / np.linalg.norm(outwards) - [0, 0, 1])
    shells = [(0, 1, (0, 0, 0), exchange_matrix(3.18e-3, D)), (1, 2, (1, 0, 0), 0.11e-3)]
    arguments = {"convention": "bonds", "crystal": crystal, "periodic": (True, True, False)} | options
    return SpinModel.from_shells(own.cell, own.positions, 2.5, shells, **arguments)


def as_mapping(found):
    bonds = zip(found.first.tolist(), found.second.tolist(), map(tuple, found.iRvec.tolist()), strict=True)
    return dict(zip(bonds, found.exchange, strict=True))


class TestConvention:
    """The same bonds, the energies that the equations of the conventions say."""

    @pytest.mark.parametrize("name", CONVENTIONS)
    def test_energy_by_the_equation(self, name):
        convention, R = CONVENTIONS[name], (1, 0, -1)
        A = MATRIX + MATRIX.T
        found = model([(0, 1, R, MATRIX)], name, directions=STATE, anisotropy={1: A}).energy()
        lengths = np.array(SPINS) if convention.spins == "length S" else np.ones(2)
        S = lengths[:, None] * STATE
        pairs = (S[0] @ MATRIX @ S[1]) * (1 if convention.pairs == "once" else 2)
        assert found == pytest.approx(convention.factor * pairs + S[1] @ A @ S[1], rel=1e-12)

    def test_there_is_no_default(self):
        with pytest.raises(TypeError, match="convention"):
            SpinModel(CELL, POSITIONS, SPINS, [])

    def test_own(self):
        own = model([(0, 1, (0, 0, 0), 2.0)], Convention(-0.5, "once", "unit vectors"), directions=STATE)
        assert own.energy() == pytest.approx(-STATE[0] @ STATE[1])
        assert str(own.convention) == "E = -0.5 Σ S·J·S, each pair once, unit vectors"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((0, "once", "length S"), "factor"),
            ((1, "three times", "length S"), "pairs"),
            ((1, "once", "long"), "spins"),
        ],
    )
    def test_refused(self, arguments, message):
        with pytest.raises(InputError, match=f"convention: {message}: expected"):
            Convention(*arguments)

    def test_unknown_name(self):
        with pytest.raises(InputError, match="convention: expected .*'tb2j'.*found 'tb2'; did you mean 'tb2j'"):
            model([], "tb2")

    def test_dzyaloshinskii_moriya_vector_and_field(self):
        D, B = np.array([0.1, -0.2, 0.3]), np.array([1.0, -2.0, 0.5])
        found = model([(0, 1, (0, 1, 0), exchange_matrix(0.7, D))], directions=STATE, field=B, g=2.1).energy()
        S = np.array(SPINS)[:, None] * STATE
        expected = 0.7 * S[0] @ S[1] + D @ np.cross(S[0], S[1]) - 2.1 * 5.7883818e-5 * B @ S.sum(axis=0)
        assert found == pytest.approx(expected, rel=1e-8)


class TestBonds:
    def test_both_orders(self):
        both = [(0, 1, (1, 0, 0), MATRIX), (1, 0, (-1, 0, 0), MATRIX.T)]
        one, two = (as_mapping(model(bonds, "half")) for bonds in (both[:1], both))
        assert one.keys() == two.keys() == {(0, 1, (1, 0, 0)), (1, 0, (-1, 0, 0))}
        for bond, J in one.items():
            np.testing.assert_allclose(J, two[bond])
        np.testing.assert_allclose(one[1, 0, (-1, 0, 0)], MATRIX.T)

    @pytest.mark.parametrize(
        ("bonds", "convention", "message"),
        [
            ([(0, 1, (0, 0, 0), 1.0), (1, 0, (0, 0, 0), 1.0)], "bonds", "bonds: expected each pair in one order"),
            ([(0, 1, (0, 0, 0), 1.0), (1, 0, (0, 0, 0), 2.0)], "half", "the transpose of that of .*difference of 1 eV"),
            ([(0, 1, (0, 0, 0), MATRIX), (1, 0, (0, 0, 0), MATRIX)], "half", "the transpose of that of"),
            ([(0, 1, (0, 0, 0), 1.0)] * 2, "half", r"bonds\[1\]: expected each bond once"),
            ([(0, 2, (0, 0, 0), 1.0)], "half", r"bonds\[0\]: expected sites from 0 to 1; found 2"),
            ([(0, 1, (0, 0), 1.0)], "half", "expected three integers R"),
            ([(0, 1, (0.5, 0, 0), 1.0)], "half", "expected three integers R"),
            ([(0, 0, (0, 0, 0), 1.0)], "half", "two different spins; S·A·S of one is `anisotropy`"),
            ([(0, 1, (0, 0, 0), np.ones((2, 2)))], "half", r"bonds\[0\]: expected finite numbers of shape \(3, 3\)"),
            ([(0, 1, (0, 0, 0), np.nan)], "half", "finite numbers"),
            ([(0, 1, 1.0)], "half", r"expected \(i, j, R, J\)"),
        ],
    )
    def test_refused(self, bonds, convention, message):
        with pytest.raises(InputError, match=message):
            model(bonds, convention)

    def test_along_a_direction_that_is_not_periodic(self):
        with pytest.raises(InputError, match="R = 0 along directions that are not periodic"):
            model([(0, 1, (0, 0, 1), 1.0)], periodic=(True, True, False))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"spins": [1.0, 0.0]}, "spins: expected lengths S > 0"),
            ({"spins": [1.0]}, r"spins: expected finite numbers of shape \(2,\)"),
            ({"directions": 2 * STATE}, "directions: expected unit vectors; found one of length 2 at site 0"),
            ({"anisotropy": np.ones((3, 3, 3))}, "anisotropy: expected finite numbers of shape"),
            ({"anisotropy": {2: np.eye(3)}}, "anisotropy: expected sites from 0 to 1; found 2"),
            ({"field": 1.0}, r"field: expected finite numbers of shape \(3,\)"),
            ({"periodic": (1, 1, 0)}, "periodic: expected three of True and False"),
        ],
    )
    def test_arguments(self, arguments, message):
        with pytest.raises(InputError, match=message):
            model(**arguments)


class TestShells:
    def test_jarosite_from_two_bonds(self):
        found, expected = as_mapping(kagome_shells()), as_mapping(jarosite())
        assert found.keys() == expected.keys() and len(found) == 24
        for bond, J in found.items():
            np.testing.assert_allclose(J, expected[bond], atol=1e-12)

    def test_both_orders_are_no_double_counting(self):
        once, twice = kagome_shells(), kagome_shells(convention=Convention(0.5, "twice", "length S"))
        for bond, J in as_mapping(once).items():
            np.testing.assert_allclose(J, as_mapping(twice)[bond], atol=1e-15)

    def test_magnetic_sites_alone_forbid_the_vector_in_the_plane(self):
        """A mirror plane; the message has the part that it allows, J_1 and D_z."""
        with pytest.raises(
            InputError, match=r"shells\[0\]: expected a matrix that the symmetry of the bond .* allows"
        ) as error:
            kagome_shells(crystal=None)
        assert "0.00318 -0.00019716 0 / 0.00019716 0.00318 0 / 0 0 0.00318" in str(error.value)

    def test_one_bond_of_each(self):
        shells = [(0, 0, (1, 0, 0), 1.0), (0, 0, (0, 1, 0), 1.0)]
        with pytest.raises(InputError, match=r"shells\[1\]: expected one bond of each shell"):
            SpinModel.from_shells(np.eye(3), [[0, 0, 0]], 1.0, shells, convention="bonds")

    def test_anisotropy(self):
        """Easy axes of the four sites of a pyrochlore from that of one."""
        positions = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
        cell = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])
        axis = np.ones(3) / np.sqrt(3)
        shells = [(0, 1, (0, 0, 0), 1.0)]
        arguments = {"convention": "bonds", "anisotropy": {0: -np.outer(axis, axis)}}
        found = SpinModel.from_shells(cell, positions, 0.5, shells, **arguments)
        assert len(found.first) == 2 * 12
        for A, signs in zip(found.anisotropy, ([1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]), strict=True):
            np.testing.assert_allclose(A, -np.outer(signs, signs) / 3, atol=1e-12)
        arguments["anisotropy"] = {0: np.diag([1.0, 0, 0])}
        with pytest.raises(InputError, match=r"anisotropy\[0\]: expected a matrix that the symmetry of site 0 allows"):
            SpinModel.from_shells(cell, positions, 0.5, shells, **arguments)

    def test_crystal_of_another_lattice(self):
        with pytest.raises(InputError, match="crystal: expected the lattice vectors of the model"):
            kagome_shells(crystal=(np.eye(3), [[0, 0, 0]], [1]))
        with pytest.raises(InputError, match="crystal: expected a crystal that has the magnetic sites"):
            kagome_shells(crystal=(jarosite().cell, [[0.1, 0.2, 0.0]], [1]))


class TestState:
    def test_jarosite(self):
        """Canting 1.913°, by tan 2φ of the closed form: minimum of E(φ) for the all-in-all-out state."""
        canting = np.degrees(np.arcsin(jarosite().directions[:, 2]))
        np.testing.assert_allclose(canting, 1.913, atol=5e-4)
        np.testing.assert_allclose(jarosite(in_plane=0.0).directions[:, 2], 0, atol=1e-7)

    def test_minimum_of_a_random_model(self):
        """Lower than 2000 random states, and stationary to rounding."""
        found = model(
            [(0, 1, (0, 0, 0), MATRIX), (0, 0, (1, 0, 0), 0.4)], anisotropy=MATRIX + MATRIX.T, field=(0, 0, 500.0)
        )
        lowest = found.minimised()
        states = np.random.default_rng(0).normal(size=(2000, 2, 3))
        states /= np.linalg.norm(states, axis=2, keepdims=True)
        assert lowest.energy() < min(found.energy(state) for state in states)
        np.testing.assert_array_equal(found.minimised().directions, lowest.directions)  # the seed makes it reproducible

    def test_needs_a_state_or_a_start(self):
        with pytest.raises(InputError, match="directions: expected those of the spins.*minimised"):
            model([(0, 1, (0, 0, 0), 1.0)]).to_system()
        with pytest.raises(InputError, match="starts: expected 1 or more"):
            model([(0, 1, (0, 0, 0), 1.0)]).minimised(starts=0)
        with pytest.raises(InputError, match="directions: expected those"):
            model([(0, 1, (0, 0, 0), 1.0)]).energy()

    def test_torque(self):
        """The error says on which spin, how large, and where it turns: S² J of a spin across another one."""
        tilted = honeycomb_magnet(antisymmetric=0.0, anisotropy=0.0).with_directions([[0, 0, 1], [1, 0, 0]])
        with pytest.raises(
            InputError, match=r"torque of 3 eV on spin 0, .* from \(0.000, 0.000, 1.000\) towards \(1.000, 0"
        ):
            tilted.to_system()

    def test_unstable_state(self):
        """A ferromagnet with antiferromagnetic exchange is stationary; k and the mode are named: opposite turns at Γ."""
        wrong = honeycomb_magnet(exchange=1.0).with_directions([[0, 0, 1]] * 2)
        with pytest.raises(InputError, match=r"an eigenvalue of -5.9 eV at k = \(0, 0, 0\).*mode spin 0") as error:
            wrong.to_system()
        first, second = str(error.value).split("mode ")[1].split("), ")
        first, second = (
            np.array([float(x) for x in text.split("(")[1].rstrip(")").split(",")]) for text in (first, second)
        )
        np.testing.assert_allclose(first, -second, atol=1e-3)
        with pytest.raises(InputError, match="regulator: expected a number >= 0"):
            honeycomb_magnet().to_system(regulator=-1.0)

    def test_another_period_is_unstable_elsewhere(self):
        """An antiferromagnetic chain in the cell of one site: the mode is at the boundary of the zone; two sites are stable."""
        chain = SpinModel(
            np.eye(3), [[0, 0, 0]], 1.0, [(0, 0, (1, 0, 0), 1.0)], convention="bonds", periodic=(True, False, False)
        )
        chain = chain.with_directions([[0, 0, 1]])
        with pytest.raises(InputError, match=r"eigenvalue of -4 eV at k = \(0.5, 0, 0\)"):
            chain.to_system()
        double = chain.supercell([2, 1, 1], wave_vector=(0.5, 0, 0), axis=(1, 0, 0))
        np.testing.assert_allclose(double.directions[:, 2], [1, -1], atol=1e-12)
        energies = WannierInterpolator(double.to_system(regulator=1e-9)).band_energies(np.array([[0.2, 0, 0]]))
        np.testing.assert_allclose(
            energies[0, 2:], 2 * np.sin(0.2 * np.pi), rtol=1e-6
        )  # 2JS |sin ka|, k in the larger cell


class TestSupercell:
    @pytest.mark.parametrize(
        "matrix", [[2, 1, 1], [[2, -1, 0], [1, 1, 0], [0, 0, 1]], [[1, 1, 0], [-1, 2, 1], [0, 1, 2]]]
    )
    def test_bands_fold(self, matrix):
        own = SpinModel(
            CELL, POSITIONS, SPINS, [(0, 1, (0, 0, 0), -1.0), (0, 1, (1, 0, -1), -0.7), (1, 1, (0, 1, 0), -0.2)],
            convention="bonds", directions=[[0, 0, 1]] * 2, anisotropy=np.diag([0, 0, -0.1]), field=(0, 0, 100.0),
        )  # fmt: skip
        larger = own.supercell(matrix)
        size = len(larger.spins) // 2
        assert larger.energy() == pytest.approx(size * own.energy())
        np.testing.assert_allclose(np.linalg.det(larger.cell), size * np.linalg.det(own.cell))
        kpoint = np.array([0.13, 0.31, 0.07])
        folded = kpoint @ np.linalg.inv(own.cell.T) @ larger.cell.T  # the same k in units of the larger cell
        few = WannierInterpolator(own.to_system()).band_energies(kpoint[None])[0, 2:]
        many = WannierInterpolator(larger.to_system()).band_energies(folded[None])[0]
        for energy in few:
            assert np.abs(many - energy).min() < 1e-12

    def test_120_degrees(self):
        found = triangular_antiferromagnet()
        assert found.energy() == pytest.approx(-4.5)
        np.testing.assert_allclose(found.directions @ found.directions.T, 1.5 * np.eye(3) - 0.5, atol=1e-12)
        assert found.minimised(starts=5).energy() == pytest.approx(-4.5)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([1.5, 1, 1],), "matrix: expected integers"),
            (([-1, 1, 1],), "a determinant >= 1"),
        ],
    )
    def test_refused(self, arguments, message):
        own = model(directions=STATE)
        with pytest.raises(InputError, match=message):
            own.supercell(*arguments)
        with pytest.raises(InputError, match="wave_vector: expected one that turns by whole turns"):
            own.supercell([2, 1, 1], wave_vector=(1 / 3, 0, 0))
