"""Bogoliubov quasiparticles: exact results, identities, and the numbers of the models (C. Xiao and Q. Niu, XN 7-9)."""

import copy
import pickle

import numpy as np
import pytest
import wannierberri
from superconductors import EVERY, PARTS, calculate, chern, chiral_d, chiral_p, geometry, magnetization, square

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS, Electrons, equilibrium, tabulate, thermal
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import kane_mele, lattice_system, random_model
from wb_conserved.operators import CHARGE, IDENTITY, matrix_operator, orbital_angular_momentum, sublattice
from wb_conserved.quasiparticles import bogoliubov_system, pairing
from wb_conserved.units import BOHR_MAGNETON_AREA, BOLTZMANN_EV, CONDUCTANCE


def random_superconductor(basis="nambu", seed=1, dimension=2, size=0.4):
    """Random normal state without any symmetry, and a random gap of the right one."""
    if basis == "nambu":
        normal, sign = random_model(2, dimension=dimension, seed=seed), -1
    else:
        spin = random_model(2, dimension=dimension, seed=seed)
        hoppings = {(0, 0, 0): spin.get_R_mat("Ham")[spin.rvec.iR0]}
        hoppings |= {(i, j, 0): spin.get_R_mat("Ham")[spin.rvec.iR((i, j, 0))] for i, j in ((1, 0), (0, 1), (1, 1))}
        normal, sign = lattice_system(spin.real_lattice, hoppings, None, spin.wannier_centers_cart, (True, True, False)), 1
    generator, n = np.random.default_rng(seed + 10), normal.num_wann
    vectors = np.array([(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
    delta = size * (generator.normal(size=(5, n, n)) + 1j * generator.normal(size=(5, n, n)))
    delta = 0.5 * (delta + sign * delta[[0, 2, 1, 4, 3]].swapaxes(1, 2))
    return bogoliubov_system(normal, (vectors, delta), 0.3, basis=basis)


def smooth_superconductor(basis="singlet"):
    """Bands far apart, so that sums converge, without time reversal and inversion."""
    spin = basis == "nambu"
    normal, double = chern(spin), (lambda matrix: np.kron(matrix, np.eye(2))) if spin else np.array
    generator, n = np.random.default_rng(4), normal.num_wann
    hoppings = {(0, 0, 0): double(np.diag([5.0, -2.0]))}
    if spin:
        hoppings[0, 0, 0] = hoppings[0, 0, 0] + 0.5 * np.kron(np.eye(2), [[0.2, 1 - 1j], [1 + 1j, 0]])
    for R in ((1, 0, 0), (0, 1, 0)):
        hoppings[R] = 0.12 * (generator.normal(size=(n, n)) + 1j * generator.normal(size=(n, n)))
    sigma = normal.get_R_mat("SS")[normal.rvec.iR0] if spin else None
    system = lattice_system(np.diag([1.0, 1.0, 10.0]), hoppings, sigma, periodic=(True, True, False))
    vectors = np.array([(0, 0, 0), (1, 0, 0), (-1, 0, 0)])
    delta = 0.4 * (generator.normal(size=(3, n, n)) + 1j * generator.normal(size=(3, n, n)))
    delta = 0.5 * (delta + (-1 if spin else 1) * delta[[0, 2, 1]].swapaxes(1, 2))
    return bogoliubov_system(system, (vectors, delta), 0.0, basis=basis)


class TestSystem:
    """H_B, positions, spin, charge, counting."""

    @pytest.mark.parametrize("system", [chiral_d(0.4), chiral_p(0.4), random_superconductor()], ids="d p random".split())
    def test_particle_hole_symmetry(self, system):
        kpoints = np.random.default_rng(0).random((20, 3)) * [1, 1, 0]
        energies = WannierInterpolator(system).band_energies
        if system.basis == "nambu":
            np.testing.assert_allclose(energies(kpoints), -energies(-kpoints)[:, ::-1], atol=1e-12)
        assert system.counting == {"singlet": 1.0, "nambu": 0.5}[system.basis]
        assert system.num_wann == 2 * system.particles.functions

    def test_energies(self):
        """E = ±√(ξ² + |Δ|²)."""
        k = np.random.default_rng(0).uniform(-np.pi, np.pi, (20, 3)) * [1, 1, 0]
        xi = -2 * (np.cos(k[:, 0]) + np.cos(k[:, 1])) + 0.8
        delta = 0.5 * (np.cos(k[:, 0]) - np.cos(k[:, 1])) + 0.3j * np.sin(k[:, 0]) * np.sin(k[:, 1])
        found = WannierInterpolator(chiral_d()).band_energies(k / (2 * np.pi))
        np.testing.assert_allclose(found[:, 1], np.sqrt(xi**2 + np.abs(delta) ** 2), atol=1e-12)

    def test_position_of_holes(self):
        """A hole sits where its electron sat: positions as a matrix, and as Wannier centres."""
        places, names = np.array([[0.1, -0.2, 0], [0.3, 0.4, 0]]), ["orbital_magnetization", "nernst_conserved"]
        vectors = np.asarray(chern().rvec.iRvec)
        half = {tuple(R.tolist()): H for R, H in zip(vectors, chern().get_R_mat("Ham"), strict=True) if tuple(R) >= (0, 0, 0)}
        gap = {(0, 0, 0): [[0.1, 0.3j], [0.3j, 0.1j]], (1, 0, 0): [[0, 0.2], [0, 0]], (-1, 0, 0): [[0, 0], [0.2, 0]]}
        systems = []
        for centres in (places, None):
            normal = lattice_system(np.diag([1.0, 1.0, 10.0]), half, None, centres, (True, True, False))
            normal.force_internal_terms_only = False
            position = np.zeros((2, 2, 3), dtype=complex)
            if centres is None:
                position[[0, 1], [0, 1]] = places
            normal.set_R_mat("AA", position, R=[0, 0, 0])
            systems.append(bogoliubov_system(normal, gap, 0.1, basis="singlet"))
        wrong = copy.deepcopy(systems[1])
        position = np.array(wrong.get_R_mat("AA"))
        position[:, 2:, 2:] *= -1
        wrong.set_R_mat("AA", position, reset=True)
        expected, found, other = (calculate(system, names, 20, 0.2) for system in (*systems, wrong))
        for name in names:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-10)
            assert np.abs(other[name] - expected[name]).max() > 1e-3 * np.abs(expected[name]).max()

    @pytest.mark.parametrize("name", ["Ham", "SS"])
    def test_hermitian(self, name):
        system = random_superconductor()
        matrix = system.get_R_mat(name)
        minus = [system.rvec.iR(-R) for R in system.rvec.iRvec]
        np.testing.assert_allclose(matrix, matrix[minus].swapaxes(1, 2).conj(), atol=1e-14)

    def test_observables_of_electrons(self):
        """O ⊕ −O*; a sublattice charge, and an operator that is not real."""
        system = bogoliubov_system(chern(True), pairing("s", 0.2), 0.0, basis="nambu")
        own = sublattice(chern(True), plus=[0, 1], minus=[2, 3])
        found = system.particles.observable(own).matrix.matrix[0, :, :, 0]
        np.testing.assert_allclose(np.diag(found), [1, 1, -1, -1, -1, -1, 1, 1])
        matrix = np.kron([[0, -1j], [1j, 0]], np.eye(2))
        found = system.particles.observable(matrix_operator(matrix, odd_under_time_reversal=True)).matrix.matrix[0, :, :, 0]
        np.testing.assert_allclose(found[4:, 4:], -matrix.conj())
        assert system.particles.observable(CHARGE).name == "charge"
        with pytest.raises(ValueError, match="between the 8 functions"):
            calculate(system, ["equilibrium_current"], 2, 0.1, orbital_angular_momentum(["p"]))

    def test_copies_for_other_ranks(self):
        system = pickle.loads(pickle.dumps(chiral_d()))  # noqa: S301
        found, expected = (calculate(s, EVERY, 4, 0.2) for s in (system, chiral_d()))
        for name in EVERY:
            np.testing.assert_array_equal(found[name], expected[name])


class TestRefused:
    """What does not apply, with the reason."""

    @pytest.mark.parametrize("name", "kubo conserved conventional berry dipole proper drift nernst_kubo".split())
    def test_electric_field(self, name):
        with pytest.raises(InputError, match="expected electrons for .*; found Bogoliubov quasiparticles: the force of E"):
            calculate(chiral_d(), [name], 2, 0.2)

    def test_number_of_quasiparticles(self):
        with pytest.raises(InputError, match="the number of Bogoliubov quasiparticles is neither conserved"):
            calculate(chiral_d(), ["orbital_magnetization"], 2, 0.2, "identity")
        with pytest.raises(InputError, match="found orbital moment, which is made from the bands"):
            calculate(chiral_d(), ["orbital_magnetization"], 2, 0.2, "orbital_moment")
        with pytest.raises(InputError, match="the number of Bogoliubov quasiparticles"):
            calculate(chiral_d(), ["number_of_electrons"], 2, 0.2)
        with pytest.raises(InputError, match="the number of Bogoliubov quasiparticles"):
            calculate(chiral_d(), ["orbital_magnetization"], 2, 0.2, levels=Electrons(1.0))

    @pytest.mark.parametrize("levels", [[0.1], [0.0, 0.1]])
    def test_levels(self, levels):
        with pytest.raises(InputError, match="Efermi: expected 0 or none for Bogoliubov quasiparticles"):
            calculate(chiral_d(), ["orbital_magnetization"], 2, 0.2, levels=levels)

    def test_zero_is_a_level(self):
        zero, none = (calculate(chiral_d(), EVERY, 4, [0.2], levels=levels) for levels in ([0.0], None))
        for name in EVERY:
            np.testing.assert_allclose(zero[name][0], none[name], atol=1e-14)

    def test_electrons_have_no_level_of_their_own(self):
        with pytest.raises(InputError, match=r"Efermi: expected Fermi levels \(eV\) for electrons; found none"):
            calculate(square(), ["density_of_states"], 2, 0.2)

    def test_density_of_states_at_any_energy(self):
        found = calculate(chiral_d(), ["density_of_states"], 60, 0.02, levels=[-1.0, 0.0, 1.0])["density_of_states"]
        assert found[1] < 1e-3 * found[0] and found[0] == pytest.approx(found[2], rel=1e-6)

    def test_spin_orbit_coupling_in_the_singlet_basis(self):
        normal = kane_mele(rashba=0.1)
        expected = "basis: expected 'nambu' for spin-orbit coupling .* found 'singlet' for a Hamiltonian that .* up to 0.2 eV"
        with pytest.raises(InputError, match=expected):
            bogoliubov_system(normal, pairing("s", 0.1), 0.0, basis="singlet")

    def test_gaps_of_another_size_or_symmetry(self):
        with pytest.raises(InputError, match="gap: expected a matrix between the 1 orbitals of the basis 'singlet'; found 2"):
            bogoliubov_system(square(), {(0, 0, 0): np.eye(2)}, 0.0, basis="singlet")
        odd = {(1, 0, 0): [[0.1]], (-1, 0, 0): [[-0.1]]}
        with pytest.raises(InputError, match=r"Δ_ij\(R\) = Δ_ji\(−R\) to 1e-06 .* basis 'nambu'; found a difference of 0.2 eV"):
            bogoliubov_system(square(), odd, 0.0, basis="singlet")
        with pytest.raises(InputError, match=r"Δ_ij\(R\) = −Δ_ji\(−R\) .* found a difference of 0.2 eV at R = \(0, 0, 0\)"):
            bogoliubov_system(square(), {(0, 0, 0): [[0.1]]}, 0.0, basis="nambu")

    @pytest.mark.parametrize("level", [-40.0, 30.0])
    def test_level_outside_the_bands(self, level):
        with pytest.raises(InputError, match="Efermi: expected a level within the bands of the normal state"):
            bogoliubov_system(square(), pairing("s", 0.1), level, basis="singlet")

    def test_normal_state_that_is_none(self):
        with pytest.raises(InputError, match="system: expected a System_R of the normal state; found BogoliubovSystem"):
            bogoliubov_system(chiral_d(), pairing("s", 0.1), 0.0, basis="singlet")
        with pytest.raises(InputError, match="basis: expected one of 'singlet', 'nambu'"):
            bogoliubov_system(square(), pairing("s", 0.1), 0.0, basis="full")


class TestSingleBand:
    """XN 9 and what follows from it."""

    @pytest.mark.parametrize("make", [chiral_d, chiral_p])
    @pytest.mark.parametrize("odd", [0.0, 0.4])
    def test_charge_dipole(self, make, odd):
        """d = ½ [(ρ⁰)² − 1] ∂_k θ in both bands, ρ⁰ = ξ/E of the even part of ξ, θ the phase of Δ."""
        k = np.random.default_rng(2).uniform(-np.pi, np.pi, (50, 3)) * [1, 1, 0]
        x, y = k[:, 0], k[:, 1]
        xi = -2 * (np.cos(x) + np.cos(y)) + 0.8
        if make is chiral_d:
            delta = 0.5 * (np.cos(x) - np.cos(y)) + 0.3j * np.sin(x) * np.sin(y)
            slope = [-0.5 * np.sin(x) + 0.3j * np.cos(x) * np.sin(y), 0.5 * np.sin(y) + 0.3j * np.sin(x) * np.cos(y)]
        else:
            delta = 0.5 * (np.sin(x) + 1j * np.sin(y))
            slope = [0.5 * np.cos(x), 0.5j * np.cos(y)]
        rho = xi / np.sqrt(xi**2 + np.abs(delta) ** 2)
        gradient = np.stack([(part / delta).imag for part in slope], axis=1)
        expected = 0.5 * (rho**2 - 1)[:, None] * gradient
        found = geometry(make(odd), k).operator_dipole[:, :, :2, 0]
        for band in (0, 1):
            np.testing.assert_allclose(found[:, band], expected, atol=4e-14)

    def test_at_a_point(self):
        g = geometry(chiral_d(), [[0.7, 1.9, 0]])
        np.testing.assert_allclose(g.energies[0], [-0.579967, 0.579967], atol=5e-7)
        np.testing.assert_allclose(g.operator_dipole[0, 0, :2, 0], [-0.263174, 0.179162], atol=5e-7)
        np.testing.assert_allclose(g.expectation[0, :, 0], [-g.expectation[0, 1, 0], g.expectation[0, 1, 0]], atol=1e-14)
        plain = geometry_of_bands(chiral_d(), [[0.7, 1.9, 0]])
        assert plain[0, 0, 2] == pytest.approx(-1.274428, abs=5e-7)

    @pytest.mark.parametrize("kBT", [0.05, 0.2, 1.0])
    def test_even_band_has_no_magnetization(self, kBT):
        found = magnetization(chiral_d(), 120, kBT)
        assert found["orbital_magnetization"] == pytest.approx(0, abs=2e-7)
        assert found["magnetization_interband"] == pytest.approx(0, abs=1e-14)
        assert found["magnetization_circuits"] == pytest.approx(-found["magnetization_global"], abs=2e-7)
        assert abs(found["magnetization_circuits"]) > 1e-3
        assert found["magnetization_response"] == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("make", [chiral_d, chiral_p])
    def test_odd_band(self, make):
        """M = ½ ∫ (Σ f − 1) (d × ∂ξ_A)_z."""
        system, n = make(0.4), 120
        x, y = (part.ravel() for part in np.meshgrid(*2 * [2 * np.pi * np.arange(n) / n], indexing="ij"))
        g = geometry(system, np.stack([x, y, 0 * x], axis=1))
        occupied = (1 / (1 + np.exp(g.energies / 0.2))).sum(axis=1) - 1
        cross = -g.operator_dipole[:, 0, 1, 0] * 0.4 * np.cos(x)
        expected = 0.5 * (occupied * cross).mean() * system.counting
        found = magnetization(system, n)["orbital_magnetization"]
        assert abs(expected) > 1e-4 and found == pytest.approx(expected, abs=1e-7)


def geometry_of_bands(system, kpoints):
    """Berry curvature (k, n, a) by the tabulator."""
    batch = interpolated_batch(WannierInterpolator(system), np.asarray(kpoints) / (2 * np.pi))
    return tabulate.BerryCurvature().values(BandGeometry(batch, IDENTITY, 1e-6, False, False))[..., 0]


class TestNumbers:
    """Numbers of the models, mean over the zone, cell area 1, T = 0.2, e = 1."""

    def test_model_a(self):
        found = magnetization(chiral_d(), 100)
        np.testing.assert_allclose([found[name] for name in PARTS], [0, 0.0112842, -0.0112842], atol=5e-8)
        found = magnetization(chiral_d(0.4), 200)
        assert found["orbital_magnetization"] == pytest.approx(0.000278418, abs=5e-10)
        assert found["magnetization_response"] == pytest.approx(-0.000118052, abs=5e-10)

    def test_model_a_triplet(self):
        found = magnetization(chiral_p(0.4), 100)
        np.testing.assert_allclose([2 * found[name] for name in PARTS], [0.000634383, 0.0212337, -0.0212337], rtol=5e-6)

    def test_model_b(self):
        normal = magnetization(chern(), 200, names=EVERY[:1], operator="identity", levels=[0.0])["orbital_magnetization"]
        assert normal == pytest.approx(0.0446424, abs=5e-8)
        system = bogoliubov_system(chern(), pairing("s", 0.2), 0.0, basis="singlet")
        found = magnetization(system, 200)
        expected = [0.0784678, -0.0687626, 0.00328234, 0.143948, 0.0834148]
        np.testing.assert_allclose([found[name] for name in EVERY], expected, rtol=5e-6)

    def test_conventional_current_and_its_backflow(self):
        names = ["equilibrium_current", "torque_dipole", "total_current"]
        found = calculate(chiral_d(0.4), names, 150, 0.2)
        assert found[names[0]][0, 0] == pytest.approx(0.0777778, abs=5e-8)
        np.testing.assert_allclose(found[names[1]], -found[names[0]], atol=1e-8)
        np.testing.assert_allclose(found[names[2]], found[names[0]] + found[names[1]], atol=1e-14)

    @pytest.mark.parametrize(("terms", "expected"), [("berry", 0.00445453), ("dipole", -0.00445453)])
    def test_charge_current_of_a_temperature_gradient(self, terms, expected):
        class Part(thermal.ConservedSpinNernst):
            selected_terms = terms

            def __init__(self, Efermi=None, **arguments):
                super().__init__(Efermi, **arguments)
                self.occupations = {"berry": ("entropy",), "dipole": ("entropy_surface",)}[terms]

        alpha = Part(kBT=0.2, operator="charge", degen_thresh=1e-6)
        found = wb_conserved.run(chiral_d(), 200, {"α": alpha}).results["α"].data[0, 0, 1]
        assert found / (BOLTZMANN_EV * CONDUCTANCE) == pytest.approx(expected, abs=5e-8)

    def test_thermal_hall_and_zeeman_gradient(self):
        """In the reduced basis, and with both spins."""
        names = ["thermal_hall", "zeeman_spin_current"]
        for system in (chiral_d(), chiral_d(basis="nambu", spin=True)):
            found = calculate(system, names, 100, [0.05, 0.1, 0.3], "spin")
            kappa, sigma = found["thermal_hall"][:, 0, 1], found["zeeman_spin_current"][:, 0, 1]
            np.testing.assert_allclose(kappa[[0, 2]], [1.96611, 0.511650], atol=5e-6)
            np.testing.assert_allclose(sigma[1:, 2, 2], [1.944958, 1.399378], atol=5e-6)
            np.testing.assert_allclose(sigma[:, 0, 2], 0, atol=1e-14)
            np.testing.assert_allclose(found["thermal_hall"][:, 1, 0], -kappa, atol=1e-12)
        for component in (0, 1):  # with both spins the other components are there too
            np.testing.assert_allclose(sigma[:, component, component], sigma[:, 2, 2], atol=1e-12)

    def test_quantised(self):
        found = calculate(chiral_d(), ["thermal_hall", "zeeman_spin_current"], 300, 0.0, "spin")
        assert found["thermal_hall"][0, 0, 1] == pytest.approx(2, abs=1e-4)
        assert found["zeeman_spin_current"][0, 0, 1, 2, 2] == pytest.approx(2, abs=1e-4)
        assert calculate(chiral_p(), ["thermal_hall"], 100, 0.0)["thermal_hall"][0, 0, 1] == pytest.approx(-0.5, abs=1e-6)

    def test_half_of_the_response_of_the_number_is_another(self):
        """Not ½ σ_in[s]: that counts quasiparticles, and vanishes for d+id."""
        alpha = calculate(chiral_d(basis="nambu", spin=True), ["zeeman_spin_current"], 50, 0.1, "charge")
        assert abs(alpha["zeeman_spin_current"][0, 0, 1]) < 1e-10


class TestNormalLimit:
    """Δ = 0."""

    @pytest.mark.parametrize("system", ["chern", "kane_mele"])
    def test_magnetization(self, system):
        """Reduced basis: twice that per spin; full basis: that of the spinful normal state."""
        if system == "chern":
            normal, spin, basis, factor = chern(), False, "singlet", 2
            level = 0.0
        else:
            normal, spin, basis, factor, level = random_model(2, dimension=2, seed=5), True, "nambu", 1, 0.9
        expected = magnetization(normal, 20, names=EVERY, operator="identity", levels=[level])
        gap = pairing("s", 0.0) if not spin else {(0, 0, 0): np.zeros((4, 4))}
        found = magnetization(bogoliubov_system(normal, gap, level, basis=basis), 20)
        assert abs(expected["orbital_magnetization"]) > 1e-3
        for name in ("orbital_magnetization", "magnetization_response"):
            assert found[name] == pytest.approx(factor * expected[name], abs=1e-10)

    def test_haldane(self):
        """Not zero where the normal state has an orbital magnetization."""
        spin = kane_mele(spin_orbit=0.1)
        H, up = spin.get_R_mat("Ham"), [0, 2]
        vectors = spin.rvec.iRvec.tolist()
        hoppings = {tuple(R): H[i][np.ix_(up, up)] for i, R in enumerate(vectors) if R >= [0, 0, 0]}
        haldane = lattice_system(spin.real_lattice, hoppings, None, spin.wannier_centers_cart[up], (True, True, False))
        normal = magnetization(haldane, 60, 0.1, levels=[0.4], operator="identity")["orbital_magnetization"]
        for delta in (0.0, 0.05):
            system = bogoliubov_system(haldane, pairing("s", delta), 0.4, basis="singlet")
            found = magnetization(system, 60, 0.1)["orbital_magnetization"]
            assert abs(found) > 1e-3
            assert (found == pytest.approx(2 * normal, abs=1e-10)) == (delta == 0)

    def test_thermal_hall_and_density_of_states_of_electrons(self):
        """κ/T of both spins, from the Wiedemann-Franz law at low temperature; states at ±E."""
        names = ["thermal_hall", "density_of_states", "specific_heat"]
        system = bogoliubov_system(chern(), pairing("s", 0.0), 0.2, basis="singlet")
        found = calculate(system, names, 60, 0.1)
        electrons = calculate(chern(), names, 60, 0.1, levels=[0.2])
        for name in names:
            np.testing.assert_allclose(found[name], 2 * electrons[name], atol=1e-8)


class TestIdentities:
    """Any Hamiltonian, any gap."""

    def test_singlet_and_full_basis(self):
        names = [*EVERY, "equilibrium_current", "nernst_conserved", "thermal_hall", "specific_heat", "density_of_states"]
        gap = pairing("s", 0.2) + pairing("extended s", 0.1)
        systems = [bogoliubov_system(chern(True), gap, 0.1, basis=basis) for basis in ("singlet", "nambu")]
        spinless = bogoliubov_system(chern(), gap, 0.1, basis="singlet")
        first, second, third = (calculate(system, names, 24, 0.2) for system in (*systems, spinless))
        for name in names:
            np.testing.assert_allclose(first[name], second[name], atol=1e-9 + 1e-9 * np.abs(first[name]).max())
            np.testing.assert_allclose(first[name], third[name], atol=1e-12)
        assert abs(first["magnetization_response"][0, 2]) > 1e-4

    @pytest.mark.parametrize(("basis", "operator"), [("singlet", "charge"), ("nambu", "charge"), ("nambu", "spin")])
    def test_backflow(self, basis, operator):
        """XN 5 without time reversal and inversion."""
        system = random_superconductor(basis)
        found = calculate(system, ["equilibrium_current", "torque_dipole"], 48, 1.0, operator)
        current, backflow = found["equilibrium_current"], found["torque_dipole"]
        assert np.abs(current).max() > 1e-3
        np.testing.assert_allclose(backflow, -current, atol=1e-6)

    @pytest.mark.parametrize("basis", ["singlet", "nambu"])
    def test_symmetric_part_of_dipole_and_quadrupole(self, basis):
        found = calculate(smooth_superconductor(basis), ["current_dipole", "torque_quadrupole"], 60, 0.5)
        both = found["current_dipole"][0] + found["torque_quadrupole"][0]
        scale = np.abs(found["current_dipole"]).max()
        assert scale > 1e-4
        np.testing.assert_allclose(both + both.T, 0, atol=1e-5 * scale)

    def test_difference_of_the_two_magnetizations(self):
        """M − M_F = ½ ∫ g (χ^{yx} − χ^{xy})."""
        system = smooth_superconductor()
        found = magnetization(system, 60, 0.5)

        class Part(equilibrium.SpinOrbitalMagnetization):
            def terms(self, g):
                chi = g.torque_dipole_polarizability
                empty = np.zeros_like(g.orbital_moment)
                weighed = empty.copy()
                weighed[:, :, 2] = 0.5 * (chi[:, :, 1, 0] - chi[:, :, 0, 1])
                return [type(term)(term.weight, part) for term, part in zip(super().terms(g), (empty, weighed), strict=True)]

        part = Part(kBT=0.5, operator="charge", degen_thresh=1e-6)
        expected = -BOHR_MAGNETON_AREA * wb_conserved.run(system, 60, {"M": part}).results["M"].data[0, 2]
        difference = found["orbital_magnetization"] - found["magnetization_response"]
        assert abs(difference) > 1e-3 and difference == pytest.approx(expected, abs=1e-5)

    def test_the_two_magnetizations_of_electrons_agree(self):
        system = random_model(2, dimension=2, seed=5)
        found = magnetization(system, 24, 1.0, operator="identity", levels=[0.2])
        assert abs(found["orbital_magnetization"]) > 1e-2
        assert found["magnetization_response"] == pytest.approx(found["orbital_magnetization"], abs=1e-12)

    def test_spin_currents_where_spin_is_conserved(self):
        """Spin Nernst effect of a singlet superconductor in a Zeeman field that makes Fermi surfaces of its quasiparticles."""
        normal = chern(True)
        hamiltonian = np.array(normal.get_R_mat("Ham"))
        hamiltonian[normal.rvec.iR0] += 0.3 * np.kron(np.eye(2), np.diag([1, -1]))
        normal.set_R_mat("Ham", hamiltonian, reset=True)
        system = bogoliubov_system(normal, pairing("s", 0.1), 0.4, basis="nambu")
        names = ["nernst_conserved", "nernst_conventional", "equilibrium_current", "smallest_energy"]
        found = calculate(system, names, 60, 0.1, "spin")
        assert found["smallest_energy"][0] < 0.02
        conserved, conventional = (found[name][0, ..., 2] for name in names[:2])
        assert np.abs(conserved).max() > 1e-11
        np.testing.assert_allclose(conserved, conventional, atol=1e-5 * np.abs(conserved).max())
        np.testing.assert_allclose(found["equilibrium_current"][0, :, 2], 0, atol=1e-10)

    def test_in_the_run_of_wannierberri(self, tmp_path):
        system, names = random_superconductor(), [*EVERY, "nernst_conserved", "thermal_hall", "smallest_energy"]
        calculators = {}
        for name in names:
            own = {"operator": "charge"} if SUMS[name].of_observable else {}
            calculators[name] = SUMS[name].calculator(kBT=[0.2, 0.3], degen_thresh=1e-6, **own)
        grid = wannierberri.Grid(system, NKdiv=[2, 2, 1], NKFFT=[3, 3, 1])
        found = wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
        ours = wb_conserved.run(system, grid, calculators).results
        for name in names:
            scale = np.abs(ours[name].data).max()
            np.testing.assert_allclose(found[name].data, ours[name].data, atol=1e-10 * scale)

    def test_symmetry_reduces_the_mesh(self):
        """C4z takes d+id to minus itself: bands, and everything of the charge, have it."""
        names = [*EVERY, "thermal_hall", "nernst_conserved", "current_dipole", "specific_heat", "smallest_energy"]
        full = calculate(chiral_d(), names, 24, 0.2)
        system = chiral_d()
        system.set_pointgroup(["C4z"])
        reduced = calculate(system, names, 24, 0.2)
        for name in names:
            np.testing.assert_allclose(reduced[name], full[name], atol=1e-12)

    def test_parts_add_up(self):
        found = magnetization(random_superconductor(), 8, 0.3)
        assert sum(found[name] for name in PARTS) == pytest.approx(found["orbital_magnetization"], abs=1e-13)

    @pytest.mark.parametrize("basis", ["singlet", "nambu"])
    def test_home_cell_of_an_orbital(self, basis):
        """Moved by a lattice vector, with the matrices that belong to it."""
        shift = np.array([1, -2, 0])

        def model(moved):
            spin = basis == "nambu"
            places = np.array([[0, 0, 0], [0.3, 0.4, 0]]) + np.array([0 * shift, moved * shift])
            hoppings = {}
            normal = chern(spin)
            for R, H in zip(normal.rvec.iRvec, normal.get_R_mat("Ham"), strict=True):
                for i, j in np.ndindex(2, 2):  # orbital j of R is now that of R − shift
                    vector = tuple((R - moved * shift * (j - i)).tolist())
                    size = 2 if spin else 1
                    block = np.zeros_like(H)
                    rows, columns = slice(size * i, size * (i + 1)), slice(size * j, size * (j + 1))
                    block[rows, columns] = H[rows, columns]
                    hoppings[vector] = hoppings.get(vector, 0) + block
            half = {R: H for R, H in hoppings.items() if R >= (0, 0, 0)}
            sigma = normal.get_R_mat("SS")[normal.rvec.iR0] if spin else None
            centres = np.repeat(places, 2, axis=0) if spin else places
            system = lattice_system(np.diag([1.0, 1.0, 10.0]), half, sigma, centres, (True, True, False))
            gap = pairing("s", 0.2) + pairing("extended s", 0.15, shell=1) + pairing("d_xy", 0.1j, shell=3)
            return bogoliubov_system(system, gap, 0.1, basis=basis)

        names = ["orbital_magnetization", "magnetization_response", "thermal_hall", "nernst_conserved"]
        first, second = (calculate(model(moved), names, 12, 0.2) for moved in (0, 1))
        for name in names:
            scale = np.abs(first[name]).max()
            assert scale > 0
            np.testing.assert_allclose(first[name], second[name], atol=1e-9 * scale)
