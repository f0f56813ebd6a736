"""Impurities in lattices: scattering against closed numbers and exact diagonalisation, residual resistivity, the origin."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.special import j0
from shells import kp_system, solved
from test_disorder_kubo import fermi_line, intrinsic, two_bands

import wb_conserved
from wb_conserved import models
from wb_conserved.disorder import PARTS, Impurity, impurity_response
from wb_conserved.disorder import shells as of_shells
from wb_conserved.disorder.energy_axis import EnergyAxis
from wb_conserved.disorder.passes import DistributionSums, LocalSpectrum, Problem
from wb_conserved.disorder.scattering import Kind
from wb_conserved.errors import InputError
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import lattice_system
from wb_conserved.models.kp import PAULI
from wb_conserved.units import CONDUCTANCE, HBAR_EV_FS

X, Y = 0, 1
SERIAL = {"use_irred_kpt": False, "symmetrize": False}


def square_lattice():
    """E = −2 (cos k_x + cos k_y)."""
    lattice = np.diag([1.0, 1.0, 10.0])
    hoppings = {(0, 0, 0): [[0.0]], (1, 0, 0): [[-1.0]], (0, 1, 0): [[-1.0]]}
    return lattice_system(lattice, hoppings, periodic=(True, True, False))


def problem_of(system, kinds, axis, order="t-matrix", lowest=-10.0, highest=10.0, origin=(0.0, 0.0, 0.0)):
    """`kinds` pairs of a potential on all functions and a concentration."""
    n = system.num_wann
    kinds = tuple(Kind(np.arange(n) + n * j, np.asarray(W, dtype=complex), c) for j, (W, c) in enumerate(kinds))
    functions = np.tile(np.arange(n), len(kinds))
    bands, first = axis.covering(lowest, highest)
    origins = np.tile(np.asarray(origin, dtype=float), (len(functions), 1))
    return Problem(axis, bands, first, functions, kinds, order, True, 0.0, origins)


class TestSquareLattice:
    """ε = −1.3, W = 0.6 in 5 % of the cells: numbers of an independent quadrature."""

    level, mesh = -1.3, [360, 360, 1]

    def test_green_function(self):
        """Im and Re from T = W/(1 − WG), averaged over some nodes: the spectral function of a mesh is noisy."""
        problem = problem_of(square_lattice(), [([[0.6]], 0.05)], EnergyAxis(-1.4, 0.02, 11), lowest=-4.1, highest=4.1)
        calculator = LocalSpectrum(problem, operator="identity", degen_thresh=1e-6)
        spectrum = wb_conserved.run(square_lattice(), self.mesh, {"x": calculator}, **SERIAL).results["x"]
        A = spectrum.spectrum[:, 0, 0].real.mean()
        assert A == pytest.approx(0.129305, rel=5e-3)
        shift = spectrum.shift[:, 0, 0].real.mean() / 0.05
        G = -0.257025 - 1j * np.pi * 0.129305
        assert shift == pytest.approx((0.6 / (1 - 0.6 * G)).real, rel=5e-3)
        assert spectrum.outward[:, 0, 0].real.mean() == pytest.approx(0.010509, rel=1e-2)
        assert spectrum.optical < 1e-12

    @pytest.mark.parametrize(("scattering", "rate"), [("born", 0.014624), ("t-matrix", 0.010509)])
    def test_conductivity_and_lifetime(self, scattering, rate):
        found = impurity_response(
            square_lattice(), self.mesh, Impurity(0.6, 0.05), [self.level], width=0.1, operator="identity", degen_thresh=1e-6,
            scattering=scattering,
        )  # fmt: skip
        charge = found.results["impurity_charge"].data[0] / CONDUCTANCE
        assert charge[X, X] == pytest.approx(0.340338 / rate, rel=1e-2)
        assert charge[Y, Y] == pytest.approx(charge[X, X], rel=1e-9)
        assert abs(charge[X, Y]) < 1e-9 * charge[X, X]
        assert found.results["impurity_lifetime"].data[0] == pytest.approx(HBAR_EV_FS / rate, rel=1e-2)
        assert found.results["impurity_skew"].data[0, X, X] == pytest.approx(0, abs=1e-6 * CONDUCTANCE * charge[X, X])


def test_residual_resistivity_of_a_cubic_lattice():
    """ρ = Γ a / (e²/ħ) (Σ w v_x²)⁻¹ in Born order, with A = (1/π) ∫cos(εt) J_0(2t)³ dt, Γ = 2πcW²A and, by parts,
    Σ w v_x² = ∫dε (−ε/3) A below the level, as every direction has a third of the energy."""
    constant, c, W, level = 3.0, 0.02, 0.4, -1.5
    t = np.linspace(0, 300, 30001)
    bessel = j0(2 * t) ** 3
    energies = np.linspace(-6, level, 226)
    A = np.array([np.trapezoid(np.cos(energy * t) * bessel, t) for energy in energies]) / np.pi
    weighted = np.trapezoid(-energies / 3 * A, energies)
    sigma = CONDUCTANCE * 1e8 / constant * weighted / (2 * np.pi * c * W**2 * A[-1])  # S/cm
    hoppings = {(0, 0, 0): [[0.0]], (1, 0, 0): [[-1.0]], (0, 1, 0): [[-1.0]], (0, 0, 1): [[-1.0]]}
    found = impurity_response(
        lattice_system(constant * np.eye(3), hoppings), 48, Impurity(W, c), [level], width=0.2, operator="identity",
        degen_thresh=1e-6, scattering="born",
    ).results  # fmt: skip
    assert found["impurity_resistivity"].data[0] == pytest.approx(1e6 / sigma / (100 * c), rel=1e-2)
    assert found["impurity_charge"].data[0, X, X] == pytest.approx(sigma, rel=1e-2)
    speed = 0.1 * HBAR_EV_FS / (2 * np.pi * c * W**2 * A[-1]) / HBAR_EV_FS  # per eV Å
    mean = found["impurity_mean_free_path"].data[0] / speed
    assert np.sqrt(weighted / A[-1]) * constant < mean < np.sqrt(3 * weighted / A[-1]) * constant


def dirac_lattice():
    """Massive Dirac electrons, tilted and skew, s = σ/2: `two_bands` of test_disorder_kubo."""
    along_x = -0.15 * np.eye(2) - 0.05j * np.eye(2) - 0.5j * PAULI[0] - 0.5 * PAULI[2]
    along_y = -0.15 * np.eye(2) - 0.15j * PAULI[0] - 0.5j * PAULI[1] - 0.5 * PAULI[2]
    hoppings = {(0, 0, 0): 0.6 * np.eye(2) + 2.6 * PAULI[2], (1, 0, 0): along_x, (0, 1, 0): along_y}
    return lattice_system(np.diag([1.0, 1.0, 10.0]), hoppings, np.moveaxis(PAULI, 0, -1), periodic=(True, True, False))


def test_every_part_of_the_response_on_a_mesh():
    """As on the exact Fermi line: factor, sign, flow i and field l, of each part of both currents, to 1 % of the largest."""
    H, dH, W, level = two_bands()
    rings, _ = fermi_line(H, dH, level)
    exact = solved(kp_system(H, dH, 0.5 * PAULI, half_width=np.pi), level, rings, [(W, 0.01)])
    found = impurity_response(
        dirac_lattice(), [240, 240, 1], Impurity(W, 0.01), [level], width=0.05, degen_thresh=1e-6, scattering="born",
    ).results  # fmt: skip
    for part in ("drift", "side_jump", "anomalous_distribution", "gaussian_skew"):
        for prefix in ("", "conventional_"):
            numbers = np.swapaxes(getattr(exact, prefix + part), 0, 1)[:2, :2]  # l i s to i l s
            result = found[f"impurity_{prefix}{part}"].data[0, :2, :2] / -CONDUCTANCE
            tolerance = 0.01 * np.abs(numbers).max()
            np.testing.assert_allclose(result, numbers, atol=tolerance, err_msg=prefix + part)
            assert np.abs(numbers - numbers.swapaxes(0, 1)).max() > 5 * tolerance
    charge = found["impurity_charge"].data[0, :2, :2] / CONDUCTANCE
    np.testing.assert_allclose(charge, exact.charge[:2, :2].T, atol=0.02 * np.abs(exact.charge).max())


def test_anomalous_hall_conductivity_on_a_mesh():
    """The same for the total of the charge, in which the intrinsic part has its sign too."""
    H, dH, W, level = two_bands()
    rings, _ = fermi_line(H, dH, level)
    exact = solved(kp_system(H, dH, [np.eye(2)] * 3, half_width=np.pi), level, rings, [(W, 0.01)], operator="identity")
    found = impurity_response(
        dirac_lattice(), [240, 240, 1], Impurity(W, 0.01), [level], width=0.05, degen_thresh=1e-6, scattering="born",
        operator="identity",
    ).results  # fmt: skip
    total = sum(found[f"impurity_{part}"].data[0] for part in ("side_jump", "anomalous_distribution", "gaussian_skew"))
    total = (total + found["conserved"].data[0]) / -CONDUCTANCE
    parts = exact.side_jump + exact.anomalous_distribution + exact.gaussian_skew
    clean = intrinsic(H, dH, level, 400)
    hall = clean + 0.5 * (parts[X, Y, 0] - parts[Y, X, 0])
    assert 0.5 * (total[Y, X] - total[X, Y]) == pytest.approx(hall, abs=0.02 * abs(clean))


def chiral_lattice():
    """Spins on a lattice without inversion, with time reversal, so that Σ w v̄ = 0 on every mesh."""
    hoppings = {
        (0, 0, 0): 0.0 * PAULI[0],
        (1, 0, 0): -np.eye(2) + 0.3j * PAULI[1] + 0.1j * PAULI[0],
        (0, 1, 0): -0.8 * np.eye(2) - 0.25j * PAULI[0] + 0.2j * PAULI[2],
        (1, 1, 0): 0.15 * np.eye(2) + 0.1j * PAULI[2],
    }
    lattice = [[1.0, 0.2, 0], [-0.1, 1.1, 0], [0, 0, 5.0]]
    return lattice_system(lattice, hoppings, np.moveaxis(PAULI, 0, -1), periodic=(True, True, False))


@pytest.mark.parametrize("magnetic", [0.0, 0.3])
def test_another_origin(magnetic):
    """It adds r_0^i Σ w v̄^l s to the side jump, as C[g] = v̄ in Born order, and nothing to other parts.

    With cW among the shifts of levels −r_0^i Σ w tr(s i[h, g]) comes in addition, in pairs (where k = −k here).
    """
    system, mesh, origin = chiral_lattice(), [24, 24, 1], np.array([0.3, -0.7, 0.0])
    W = 0.5 * np.eye(2) + magnetic * PAULI[0]
    axis = EnergyAxis(-2.5, 0.5, 4)
    problem = replace(problem_of(system, [(W, 0.01)], axis, "born"), first_order=False)
    moved = replace(problem, origins=problem.origins + origin)
    calculators = {name: DistributionSums(p, degen_thresh=1e-6) for name, p in (("here", problem), ("there", moved))}
    here, there = wb_conserved.run(system, mesh, calculators, **SERIAL).results.values()
    difference = there.currents["side_jump"] - here.currents["side_jump"]  # node l i s
    surface = shell_spin(system, mesh, axis)
    expected = origin[:, None] * surface[:, :, None, :]
    assert np.abs(surface).max() > 1e-3
    np.testing.assert_allclose(difference, expected, atol=1e-10 * np.abs(expected).max() + 1e-12)
    np.testing.assert_allclose(
        there.currents["conventional_side_jump"], here.currents["conventional_side_jump"], atol=1e-12
    )
    np.testing.assert_allclose(there.currents["drift"], here.currents["drift"], rtol=1e-9, atol=1e-9)


def shell_spin(system, mesh, axis):
    """Σ w v̄^l s at the nodes, (node, l, s), with the matrices written out."""
    k = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1).reshape(-1, 3)
    phases = np.exp(2j * np.pi * k @ system.rvec.iRvec.T)
    hoppings = system.get_R_mat("Ham")
    vectors = system.rvec.iRvec @ system.real_lattice
    energies, U = np.linalg.eigh(np.einsum("kr,rij->kij", phases, hoppings))
    v = np.einsum("kr,ra,rij->kaij", phases, 1j * vectors, hoppings)
    v = np.einsum("kin,kaij,kjn->kna", U.conj(), v, U).real
    pairs = energies[:, 1] - energies[:, 0] < 1e-6  # where k = −k
    v[pairs] = v[pairs].mean(axis=1, keepdims=True)
    s = 0.5 * np.einsum("kin,sij,kjn->kns", U.conj(), PAULI, U).real
    distance = np.abs(energies[..., None] - axis.energies) / axis.width
    hats = np.maximum(0, 1 - distance) / axis.width / len(k)
    return np.einsum("knj,knl,kns->jls", hats, v, s)


def test_another_origin_with_inversion():
    """Nothing changes."""
    system = models.random_model(2, dimension=2, kramers=True, seed=3)
    axis = EnergyAxis(-2.0, 1.0, 3)
    problem = problem_of(system, [(0.5 * np.eye(4), 0.01)], axis, "born", -20.0, 20.0)
    moved = replace(problem, origins=problem.origins + np.array([0.3, 0.5, 0.0]))
    calculators = {name: DistributionSums(p, degen_thresh=1e-6) for name, p in (("here", problem), ("there", moved))}
    here, there = wb_conserved.run(system, [24, 24, 1], calculators, **SERIAL).results.values()
    side_jump = here.currents["side_jump"]
    assert np.abs(side_jump).max() > 1e-4
    np.testing.assert_allclose(there.currents["side_jump"], side_jump, atol=1e-9 * np.abs(side_jump).max())


def test_t_matrix_against_exact_diagonalisation():
    """Density of states on one impurity in 22 × 22 cells of two functions, from all eigenstates, averaged over boundary
    conditions, against A + (−1/π) Im GTG; both broadened."""
    W = np.array([[1.5, 0.3 - 0.2j], [0.3 + 0.2j, -0.8]])
    system = chiral_lattice()
    size, twists, broadening = 22, 2, 0.25
    large = models.supercell(system, [size, size, 1])
    levels = np.linspace(-2.4, 3.0, 13)  # above the bound state that the attractive part of W makes under the bands
    vectors, hoppings = large.rvec.iRvec, large.get_R_mat("Ham")

    def window(energies):
        x = (levels[:, None] - energies) / broadening
        return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) / broadening

    exact = 0.0
    for x in range(twists):
        for y in range(twists):
            k = np.array([(x + 0.25) / twists, (y + 0.25) / twists, 0])
            H = np.tensordot(np.exp(2j * np.pi * vectors @ k), hoppings, axes=1)
            H[:2, :2] += W
            energies, states = np.linalg.eigh(H)
            exact = exact + np.einsum("le,ie,je->lij", window(energies), states[:2], states[:2].conj()) / twists**2
    axis = EnergyAxis(-7.0, 0.02, 651)
    problem = problem_of(system, [(W, 0.01)], axis)
    calculator = LocalSpectrum(problem, degen_thresh=1e-6)
    scattering = wb_conserved.run(system, [240, 240, 1], {"x": calculator}, **SERIAL).results["x"]
    T = scattering.inward[0][0][0]
    A = scattering.spectrum
    # G + GTG = (1 − GW)⁻¹ G, whose spectral part is (1 − GW)⁻¹ A (1 − WG†)⁻¹ with (1 − GW)⁻¹ = W⁻¹T
    dressed = np.linalg.inv(W) @ T
    local = dressed @ A @ dressed.conj().swapaxes(1, 2)
    found = axis.width * np.tensordot(window(axis.energies), local, axes=1)
    clean = axis.width * np.tensordot(window(axis.energies), A, axes=1)
    scale = np.abs(exact).max()
    assert np.abs(clean - exact).max() > 0.3 * scale
    np.testing.assert_allclose(found, exact, atol=1e-2 * scale)


def test_tetrahedra():
    """At kBT = 0 on a mesh on which shells are off by several percent; the width of the axis does not matter."""
    impurity = Impurity(0.6, 0.05)

    def response(mesh, **options):
        found = impurity_response(
            square_lattice(), [mesh, mesh, 1], impurity, [-1.3], operator="identity", degen_thresh=1e-6, scattering="born",
            **options,
        )  # fmt: skip
        charge, lifetime = (found.results[f"impurity_{name}"].data[0] for name in ("charge", "lifetime"))
        return charge[X, X] / CONDUCTANCE / (0.340338 / 0.014624), lifetime / (HBAR_EV_FS / 0.014624), found.residuals

    *fine, residuals = response(80, width=0.02, tetra=True)
    np.testing.assert_allclose(fine, 1.0, rtol=1e-3)
    np.testing.assert_allclose(response(80, width=0.1, tetra=True)[:2], fine, rtol=1e-9)
    assert residuals["particles"] < 1e-12
    assert np.abs(np.subtract(response(80, width=0.02)[:2], 1)).max() > 1e-2
    with pytest.raises(InputError, match="kBT = 0 with tetrahedra"):
        response(4, kBT=0.1, width=0.05, tetra=True)


def test_few_kpoints_near_the_level():
    """Matrices are made for k points with shells alone where these are few: the same currents."""
    system = models.random_model(4, dimension=2, seed=5)
    level = WannierInterpolator(system).band_energies(np.zeros((1, 3)))[0, 0] + 0.05
    response = partial(
        impurity_response, system, [30, 30, 1], Impurity(0.3, 0.02, orbitals=[0, 2]), [level], width=0.02, degen_thresh=1e-6,
        extra_rate=0.01,
    )  # fmt: skip
    few = response()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_shells, "_FEW", 0.0)
        all_ = response()
    for name in PARTS:
        scale = np.abs(all_.results[name].data).max()
        np.testing.assert_allclose(few.results[name].data, all_.results[name].data, atol=1e-10 * scale)
    assert np.abs(few.results["impurity_side_jump"].data).max() > 0
