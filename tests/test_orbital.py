"""Orbital angular momentum of the states (inter-atomic) and of the atoms: exact answers, Hall and Edelstein effects."""

import numpy as np
import pytest
from data_folder import DATA
from reference import connection, groups_of
from scipy.stats import unitary_group
from test_definitions import of_kp
from test_geometry import band_geometry, random_kpoints

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SETS, SUMS, accumulation, static
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.interpolation import ArrayBatch, WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import KPSystem, kane_mele, lattice_system, massive_dirac, random_model
from wb_conserved.models.kp import PAULI
from wb_conserved.operators import ORBITAL_MOMENT, matrix_operator, orbital_angular_momentum
from wb_conserved.units import BOHR_MAGNETON_AREA, CONDUCTANCE, E_PER_NM, HBAR_EV_FS

X, Y, Z = 0, 1, 2


def moment_of(energies, velocity, threshold=1e-6):
    batch = ArrayBatch(energies, velocity, {})
    return BandGeometry(batch, ORBITAL_MOMENT, threshold, False, external_terms=False).operator


class TestMatrix:
    """The operator itself."""

    @pytest.mark.parametrize(("kramers", "threshold"), [(False, 1e-6), (True, 1e-6), (True, 0.8)])
    def test_the_equation_written_out(self, kramers, threshold):
        g = band_geometry(random_model(kramers=kramers), random_kpoints(3), threshold, ORBITAL_MOMENT)
        for k, energies in enumerate(g.energies):
            groups = groups_of(energies, threshold)
            of = {n: M for M in groups for n in M}
            v = np.moveaxis(g.velocity[k], 1, 0)
            A = connection(energies, v, groups)
            expected = np.zeros((len(energies), 3, len(energies)), dtype=complex)
            for n in of:
                for m in of:
                    for p in set(of) - set(of[n]) - set(of[m]):
                        for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
                            for one, two, sign in ((b, c, 1), (c, b, -1)):
                                pair = A[one, n, p] * v[two, p, m] + v[two, n, p] * A[one, p, m]
                                expected[n, a, m] += sign * 0.5 * pair / (2 * BOHR_MAGNETON_AREA)
            np.testing.assert_allclose(g.operator[k], expected, atol=1e-10)
        assert np.abs(g.operator).max() > 1e-3

    def test_covariant_inside_multiplets(self):
        g = band_geometry(random_model(kramers=True), random_kpoints())
        energies, unitaries = np.repeat(g.energies.reshape(5, -1, 2).mean(-1), 2, axis=1), np.zeros((5, 6, 6), complex)
        for k in range(5):
            for n in (0, 2, 4):
                unitaries[k, n : n + 2, n : n + 2] = unitary_group.rvs(2, random_state=10 * k + n)

        def rotated(X, turn):
            return np.einsum("kpn,kpaq,kqm->knam", turn.conj(), X, turn)

        before = moment_of(energies, g.velocity)
        assert np.abs(before).max() > 1e-3
        after = moment_of(energies, rotated(g.velocity, unitaries))
        np.testing.assert_allclose(after, rotated(before, unitaries), atol=1e-10)
        mixing = np.broadcast_to(unitary_group.rvs(6, random_state=3), (5, 6, 6))
        assert np.abs(moment_of(energies, rotated(g.velocity, mixing)) - rotated(before, mixing)).max() > 1e-3

    def test_diagonal_is_the_moment_of_the_charge(self):
        """−1/μ_B times the moment; `OrbitalMoment` of the identity is that over the charge."""
        system, k = random_model(), random_kpoints()
        moment = band_geometry(system, k, operator=wb_conserved.operators.IDENTITY).orbital_moment[..., 0]
        L = band_geometry(system, k, operator=ORBITAL_MOMENT).expectation
        np.testing.assert_allclose(L, moment / BOHR_MAGNETON_AREA, atol=1e-12)

    def test_harmonic_oscillator(self):
        """An atom in a plane: r and v = i[H, r] of an oscillator give L_z = xp_y − yp_x within its shells, ±1 in the second."""
        spacing, shells = 1.5, 5
        states = [(i, N - i) for N in range(shells) for i in range(N + 1)]
        length = np.sqrt(BOHR_MAGNETON_AREA / spacing)  # √(ħ/2mω)
        lower = np.zeros((2, len(states), len(states)))
        for j, state in enumerate(states):
            for a in range(2):
                if state[a]:
                    target = tuple(n - (b == a) for b, n in enumerate(state))
                    lower[a, states.index(target), j] = np.sqrt(state[a])
        position = np.zeros((len(states), len(states), 3), dtype=complex)
        position[..., :2] = length * np.moveaxis(lower + lower.swapaxes(1, 2), 0, -1)
        atom = lattice_system(np.diag([1.0, 1, 1]), {(0, 0, 0): spacing * np.diag([1.0 + sum(n) for n in states])})
        atom.force_internal_terms_only = False
        atom.set_R_mat("AA", position, R=[0, 0, 0])
        batch = interpolated_batch(WannierInterpolator(atom), np.zeros((1, 3)))
        g = BandGeometry(batch, ORBITAL_MOMENT, 1e-6, False, external_terms=True)
        L = g.batch.eigenvectors[0] @ g.operator[0, :, Z] @ g.batch.eigenvectors[0].conj().T
        a, b = lower
        exact = 1j * (a @ b.T - b @ a.T)  # i (a_x a_y† − a_y a_x†)
        inner = [j for j, state in enumerate(states) if sum(state) < shells - 2]  # the last shells lack the next
        np.testing.assert_allclose(L[np.ix_(inner, inner)], exact[np.ix_(inner, inner)], atol=1e-10)
        np.testing.assert_allclose(np.linalg.eigvalsh(L[1:3, 1:3]), [-1, 1], atol=1e-10)
        assert np.abs(BandGeometry(batch, ORBITAL_MOMENT, 1e-6, False, external_terms=False).operator).max() < 1e-12


class TestDirac:
    """Massive Dirac electrons: L_z = mv²/ε²/(2 × 3.80998 eV Å²) in both bands, so that L is conserved."""

    def test_moment(self):
        k = np.array([0.3, -0.4, 0])
        energy2 = 0.2**2 + 1.5**2 * 0.25
        g = of_kp(massive_dirac(mass=0.2, velocity=1.5), k)
        L = BandGeometry(g.batch, ORBITAL_MOMENT, 1e-6, False, external_terms=False).operator[0, :, Z]
        np.testing.assert_allclose(L, 0.2 * 1.5**2 / energy2 / (2 * BOHR_MAGNETON_AREA) * np.eye(2), atol=1e-12)

    def test_orbital_hall(self):
        """In the gap all definitions give σ^{xy} = −e v²/(12π|m|)/(2 × 3.80998), either sign of m: both valleys add."""
        for mass in (0.4, -0.4):
            calculators = {
                name: SUMS[name].calculator([0.0], kBT=0.01, degen_thresh=1e-6, operator="orbital_moment")
                for name in SETS["definitions"]
            }
            results = wb_conserved.run(massive_dirac(mass, 1.0, half_width=6.0), [240, 240, 1], calculators).results
            exact = -1 / (12 * np.pi * 0.4) / (2 * BOHR_MAGNETON_AREA)
            for name, result in results.items():
                found = result.data[0, :, :, Z] / -CONDUCTANCE
                assert found[X, Y] == pytest.approx(exact, rel=2e-3), name
                assert found[Y, X] == pytest.approx(-exact, rel=2e-3), name

    def test_valley_hall(self):
        """s = τ_z of two valleys of opposite mass: twice the Hall conductivity of one, −(1/2π) sgn m in the gap."""
        valleys = KPSystem(
            lambda k: np.einsum("ka,aij->kij", np.stack([k[:, 0], k[:, 1]], 1), _DIRAC[:2]) + 0.3 * _DIRAC[2],
            lambda k: np.broadcast_to(np.moveaxis(np.stack([*_DIRAC[:2], 0 * _DIRAC[0]]), 0, -1), (len(k), 4, 4, 3)),
            half_width=12.0,
        )
        valley = matrix_operator(np.diag([1.0, 1, -1, -1]), odd_under_time_reversal=True, name="valley")
        calculators = {
            name: SUMS[name].calculator([0.0], kBT=0.01, degen_thresh=1e-6, operator=valley) for name in SETS["definitions"]
        }
        results = wb_conserved.run(valleys, [300, 300, 1], calculators).results
        box = np.arctan(144 / (0.3 * np.sqrt(0.3**2 + 2 * 144))) / np.pi**2  # as `massive_dirac` says, twice
        for name, result in results.items():
            assert result.data[0, X, Y] / -CONDUCTANCE == pytest.approx(-box, rel=2e-3), name
        assert box == pytest.approx(1 / (2 * np.pi), rel=0.03)

    def test_gapped_graphene(self):
        """The lattice: twice two valleys with v = √3/2 ta, for small gaps."""
        gap, hopping = 0.12, 1.0
        system = kane_mele(hopping=hopping, spin_orbit=0.0, staggered=gap)
        options = {"kBT": 0.004, "degen_thresh": 1e-6, "operator": "orbital_moment"}
        calculators = {"σ": static.ConventionalSpinConductivity([0.0], **options)}
        found = wb_conserved.run(system, [240, 240, 1], calculators).results["σ"].data[0, X, Y, Z] / -CONDUCTANCE
        exact = -4 * 0.75 / (12 * np.pi * gap) / (2 * BOHR_MAGNETON_AREA)
        assert found == pytest.approx(exact, rel=0.03)

    def test_orbital_edelstein(self):
        """Tilted: shifted occupation, by quadrature over the Fermi line."""
        mass, tilt, level, kBT = 0.3, 0.4, 0.8, 0.01

        def hamiltonian(k):
            vector = np.stack([k[:, 0], k[:, 1], np.full(len(k), mass)], axis=1)
            return np.einsum("ka,aij->kij", vector, PAULI) + (tilt * k[:, 0])[:, None, None] * np.eye(2)

        slope = np.stack([PAULI[0] + tilt * np.eye(2), PAULI[1], 0 * PAULI[0]], axis=-1)
        system = KPSystem(hamiltonian, lambda k: np.broadcast_to(slope, (len(k), 2, 2, 3)), half_width=2.0)
        calculator = accumulation.Edelstein([level], kBT=kBT, degen_thresh=1e-6, operator="orbital_moment")
        found = wb_conserved.run(system, [400, 400, 1], {"χ": calculator}).results["χ"].data[0, X, Z]
        angles = 2 * np.pi * (np.arange(2000) + 0.5) / 2000
        radius = [_fermi_radius(angle, mass, tilt, level) for angle in angles]
        energy = np.sqrt(mass**2 + np.square(radius))
        moment = mass / energy**2 / (2 * BOHR_MAGNETON_AREA)
        radial, along = np.array(radius) / energy + tilt * np.cos(angles), np.array(radius) * np.cos(angles) / energy + tilt
        density = np.mean(radius / radial * along * moment) / (2 * np.pi)
        assert found == pytest.approx(-density / HBAR_EV_FS * (np.pi / 2.0) ** 2, rel=2e-3)
        assert abs(density) > 1e-4


_DIRAC = np.array([np.kron(np.eye(2), PAULI[0]), np.kron(np.eye(2), PAULI[1]), np.kron(PAULI[2], PAULI[2])])


def _fermi_radius(angle, mass, tilt, level):
    """Positive k with √(m² + k²) + w k cos φ = μ."""
    c = tilt * np.cos(angle)
    roots = np.roots([1 - c * c, 2 * level * c, mass**2 - level**2])
    return max(root.real for root in roots)


class TestPOrbitals:
    """p_x and p_y on a square lattice, H = d·σ: both moments in closed form."""

    hop, cross, coupling = 0.5, 0.3, 0.4

    def system(self):
        hops = {
            (0, 0, 0): self.coupling * PAULI[1],  # L_z between p_x and p_y is σ_y
            (1, 0, 0): np.diag([self.hop, -self.hop]),
            (0, 1, 0): np.diag([-self.hop, self.hop]),
            (1, 1, 0): self.cross * PAULI[0] / 2,
            (1, -1, 0): -self.cross * PAULI[0] / 2,
        }
        return lattice_system(np.diag([3.0, 3.0, 12.0]), hops, periodic=(True, True, False))

    def vector(self, k):
        """d and its derivatives at a k point in units of 1/a."""
        (x, y), t = k, 2 * self.hop
        d = np.array([-2 * self.cross * np.sin(x) * np.sin(y), self.coupling, t * (np.cos(x) - np.cos(y))])
        along_x = np.array([-2 * self.cross * np.cos(x) * np.sin(y), 0, -t * np.sin(x)])
        along_y = np.array([-2 * self.cross * np.sin(x) * np.cos(y), 0, t * np.sin(y)])
        return d, 3.0 * along_x, 3.0 * along_y

    def test_inter_atomic(self):
        """L_z = d·(∂_xd × ∂_yd)/d²/(2 × 3.80998 eV Å²), the same in both bands."""
        k = random_kpoints(6) * [1, 1, 0]
        g = band_geometry(self.system(), k, operator=ORBITAL_MOMENT)
        for row, point in zip(g.operator, 2 * np.pi * k[:, :2], strict=True):
            d, along_x, along_y = self.vector(point)
            exact = d @ np.cross(along_x, along_y) / (d @ d) / (2 * BOHR_MAGNETON_AREA)
            np.testing.assert_allclose(row[:, Z], exact * np.eye(2), atol=1e-10)

    def test_hall_effect(self):
        """−½ ∫ over the lower band of the same times d·(∂_xd × ∂_yd)/|d|³; the atomic L is another quantity."""
        calculators = {
            operator: static.KuboConservedSpinConductivity([0.0], kBT=0.005, degen_thresh=1e-6, operator=chosen)
            for operator, chosen in (("states", "orbital_moment"), ("atoms", orbital_angular_momentum([("px", "py")])))
        }
        results = wb_conserved.run(self.system(), [60, 60, 1], calculators).results
        grid = 2 * np.pi * np.stack(np.meshgrid(*[np.arange(60) / 60] * 2, indexing="ij"), -1).reshape(-1, 2)
        total = 0.0
        for point in grid:
            d, along_x, along_y = self.vector(point)
            triple, size = d @ np.cross(along_x, along_y), np.linalg.norm(d)
            moment = triple / size**2 / (2 * BOHR_MAGNETON_AREA)
            total += -0.5 * triple / size**3 * moment / len(grid) / 9.0
        found = {name: result.data[0, X, Y, Z] / -CONDUCTANCE for name, result in results.items()}
        assert abs(total) > 1e-4
        assert found["states"] == pytest.approx(total, rel=1e-6)
        assert abs(found["atoms"] - found["states"]) > 1e-3


class TestAtoms:
    """L of the shells, from the labels of the data."""

    def test_by_name(self, platinum):
        own = orbital_angular_momentum(DATA / "pt" / "Pt.nnkp")
        calculators = {
            name: static.ConventionalSpinConductivity([18.1], kBT=0.1, degen_thresh=0.01, operator=operator)
            for name, operator in (("name", "orbital_angular_momentum"), ("file", own))
        }
        results = wb_conserved.run(platinum, 3, calculators).results
        assert np.abs(results["file"].data).max() > 1
        np.testing.assert_array_equal(results["name"].data, results["file"].data)

    def test_refused(self):
        calculator = static.BerrySpinConductivity([0.0], kBT=0.1, operator="orbital_angular_momentum")
        with pytest.raises(InputError, match="operator: expected data with a .nnkp and a .win file beside"):
            wb_conserved.run(random_model(), 2, {"x": calculator})

    def test_unit(self):
        assert static.BerrySpinConductivity([0.0], operator="orbital_moment").unit(3) == "(ħ/|e|) S/cm"
        assert E_PER_NM == pytest.approx(2434.135, abs=1e-2)


@pytest.mark.parametrize("operator", ["orbital_moment", "torque"])
def test_kernels_take_such_operators(operator, monkeypatch):
    """Compiled and NumPy agree, also with two thresholds in one run, which group bands otherwise."""
    calculators = {
        (name, threshold): SUMS[name].calculator([0.3], kBT=0.2, degen_thresh=threshold, operator=operator)
        for name in (*SETS["definitions"], "dipole", "streda")
        for threshold in (1e-6, 0.8)
    }
    results = {}
    for switch in ("0", "1"):
        monkeypatch.setenv("WB_CONSERVED_COMPILED", switch)
        results[switch] = wb_conserved.run(random_model(seed=2), 3, calculators).results
        alone = {key: calculators[key] for key in calculators if key[1] == 0.8}
        for key, result in wb_conserved.run(random_model(seed=2), 3, alone).results.items():
            np.testing.assert_allclose(result.data, results[switch][key].data, rtol=1e-9, atol=1e-9)
    for key in calculators:
        numpy, compiled = results["0"][key].data, results["1"][key].data
        np.testing.assert_allclose(compiled, numpy, atol=1e-10 * max(np.abs(numpy).max(), 1e-3))
        assert np.abs(numpy).max() > 1e-3 or (operator, key[0]) != ("torque", "kubo")  # a torque has no diagonal
