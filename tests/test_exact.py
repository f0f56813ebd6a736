"""Exact results of the theory, from model to conductivity through the calculators and the driver."""

import numpy as np
import pytest

import wb_conserved
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    DipoleScatteringSpinConductivity,
    KuboConservedSpinConductivity,
)
from wb_conserved.models import lattice_system, random_model, rashba_gas, rashba_lattice
from wb_conserved.models.kp import PAULI
from wb_conserved.units import CONDUCTANCE

pytestmark = pytest.mark.usefixtures("kernels")

X, Y, Z = 0, 1, 2
CALCULATORS = {
    "conventional": ConventionalSpinConductivity,
    "conserved": ConservedSpinConductivity,
    "berry": BerrySpinConductivity,
    "dipole": DipoleScatteringSpinConductivity,
    "kubo": KuboConservedSpinConductivity,
}


def conductivities(system, level, kBT, mesh, names=tuple(CALCULATORS), **arguments):
    """Tensors [i, l, s] in units of e (ħ = 1), that is without the factor −e²/ħ of the result."""
    calculators = {name: CALCULATORS[name]([level], kBT=kBT, **arguments) for name in names}
    results = wb_conserved.run(system, mesh, calculators).results
    return {name: results[name].data[0] / -CONDUCTANCE for name in names}


UNIT = 1 / (8 * np.pi)
SYMBOLS = {name: calculator.symbol for name, calculator in CALCULATORS.items()}
XN = "C. Xiao and Q. Niu, PRB 104, L241411"


def test_rashba_gas_with_both_bands_occupied(validation):
    """XN: σ_in^{xy,z} = −e/8π, σ_in^{yx,z} = e/8π, σ_conv^{xy,z} = e/8π, σ_B = 0; both circles count."""
    sigma = conductivities(rashba_gas(half_width=3.0), 1.0, 0.02, [300, 300, 1])
    expected = {"conventional": 1, "conserved": -1, "berry": 0, "dipole": 1, "kubo": -1}
    for name, value in expected.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}}, Rashba gas, both bands"
        validation(quantity, value, sigma[name][X, Y, Z] / UNIT, XN, within=2e-3, unit="e/8π")
        assert sigma[name][Y, X, Z] / UNIT == pytest.approx(-value, abs=2e-3), name


def test_rashba_gas_below_the_crossing(validation):
    """Both circles belong to the lower band: σ_in = 0; with x = sqrt(1 + 2μ/(mα²)) σ_K = −2x, σ_conv = x."""
    sigma = conductivities(rashba_gas(half_width=1.2), -0.05, 0.003, [400, 400, 1])
    x = np.sqrt(1 - 0.1 / 0.25)
    expected = {"conventional": x, "conserved": 0, "berry": 0, "kubo": -2 * x}
    for name, value in expected.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}}, Rashba gas, below the crossing (μ = −0.05)"
        validation(quantity, value, sigma[name][X, Y, Z] / UNIT, "closed form, √(1 + 2μ/mα²)", within=3e-3, unit="e/8π")


def test_rashba_gas_below_the_crossing_at_finite_temperature(validation):
    """T = 0.01: σ_K = −1.5294 (theory sheet, by quadrature)."""
    sigma = conductivities(rashba_gas(half_width=1.2), -0.05, 0.01, [300, 300, 1], names=("kubo",))
    quantity = "σ_K^{xy,z}, Rashba gas, below the crossing, kT = 0.01"
    validation(quantity, -1.5294, sigma["kubo"][X, Y, Z] / UNIT, "quadrature", within=5e-4, unit="e/8π")


def test_rashba_gas_in_a_zeeman_field(validation):
    """An opened crossing: σ_in jumps to 0 and σ_B to 0.815, σ_K stays near −1 (−0.880)."""
    sigma = conductivities(rashba_gas(zeeman=0.3, half_width=3.0), 1.0, 0.02, [300, 300, 1])
    for name, value in {"conserved": 0, "berry": 0.815, "kubo": -0.8798}.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}}, Rashba gas, Zeeman energy 0.3"
        validation(quantity, value, sigma[name][X, Y, Z] / UNIT, "quadrature", within=2e-3, unit="e/8π")


def test_rashba_dipole_is_azimuthal_and_equal_in_both_bands():
    """d^{s_z} = φ̂/(4k)."""
    import wannierberri

    from wb_conserved import geometry
    from wb_conserved.calculators.band_geometry import BandGeometry
    from wb_conserved.interpolation import states_of
    from wb_conserved.operators import SPIN

    system = rashba_gas()
    angles, radius = np.linspace(0.1, 6.0, 7), 0.4
    k = radius * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    reduced = k @ np.linalg.inv(system.recip_lattice)
    data_K = system.data_k_class(system, k_list=reduced, grid=wannierberri.Grid(system, NK=1, NKFFT=1))
    g = BandGeometry(next(iter(states_of(data_K).batches)), SPIN, 1e-8, False, external_terms=False)
    dipole = geometry.operator_dipole(g.connection, g.operator)[..., Z]
    azimuthal = np.stack([-np.sin(angles), np.cos(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(dipole, np.repeat(azimuthal[:, None] / (4 * radius), 2, axis=1), atol=1e-12)


def test_rashba_lattice_approaches_the_gas():
    """m = 1/(2 t a²) = 1 with a = 0.25: corrections are of order (k a)² = 0.1."""
    system = rashba_lattice(hopping=8.0, alpha=0.5, lattice_constant=0.25)
    sigma = conductivities(system, 1.0, 0.05, [500, 500, 1])
    assert sigma["conserved"][X, Y, Z] / UNIT == pytest.approx(-1, abs=0.05)
    assert sigma["conventional"][X, Y, Z] / UNIT == pytest.approx(1, abs=0.05)


def conserving_model(mixing=0.0):
    """Random spin-diagonal model, [H, s_z] = 0 for mixing = 0."""
    generator = np.random.default_rng(5)

    def blocks(hermitian):
        up, down = (generator.normal(size=(2, 2)) + 1j * generator.normal(size=(2, 2)) for _ in range(2))
        matrix = np.block([[up, np.zeros((2, 2))], [np.zeros((2, 2)), down]])
        return matrix + matrix.conj().T if hermitian else matrix

    flip = mixing * np.kron(PAULI[0], np.ones((2, 2)))
    hoppings = {
        (0, 0, 0): blocks(True) + flip,
        (1, 0, 0): blocks(False),
        (0, 1, 0): blocks(False),
        (0, 0, 1): blocks(False),
    }
    spin = np.moveaxis(np.array([np.kron(sigma, np.eye(2)) for sigma in PAULI]), 0, -1)
    return lattice_system(np.diag([1.0, 1.3, 0.8]), hoppings, spin)


def test_conserved_spin_component_has_no_torque():
    """[H, s_z] = 0: all definitions agree for s_z; with a spin flip in H they differ."""
    system = conserving_model()
    sigma = conductivities(system, 0.3, 0.3, 8)
    scale = np.abs(sigma["conventional"][..., Z]).max()
    assert scale > 0
    for name in ("conserved", "berry", "kubo"):
        np.testing.assert_allclose(sigma[name][..., Z], sigma["conventional"][..., Z], atol=1e-9 * scale)
    np.testing.assert_allclose(sigma["dipole"][..., Z], 0, atol=1e-9 * scale)
    mixed = conductivities(conserving_model(mixing=0.5), 0.3, 0.3, 8)
    for name in ("conserved", "berry", "kubo"):
        assert np.abs(mixed[name][..., Z] - mixed["conventional"][..., Z]).max() > 1e-3
    assert np.abs(mixed["dipole"][..., Z]).max() > 1e-3


def gapped_model():
    """Random model with a gap between its lower and upper bands."""
    system = random_model(num_orbitals=2, dimension=2, seed=3)
    H = system.get_R_mat("Ham") * 0.2
    H[system.rvec.iR0] += np.diag([-3.0, -2.0, 2.0, 3.0])
    system.set_R_mat("Ham", H, reset=True)
    return system


def test_insulator():
    """In a gap Fermi-surface terms vanish, σ_in = σ_B, and σ_in and σ_K are antisymmetric in i and l."""
    sigma = conductivities(gapped_model(), 0.0, 0.02, [40, 40, 1])
    scale = np.abs(sigma["conserved"]).max()
    assert scale > 1e-4
    np.testing.assert_allclose(sigma["dipole"], 0, atol=1e-12)
    for name in ("conserved", "kubo"):
        np.testing.assert_allclose(sigma[name], -sigma[name].swapaxes(0, 1), atol=1e-6 * scale)
    assert np.abs(sigma["conventional"] + sigma["conventional"].swapaxes(0, 1)).max() > 1e-2 * scale


def test_generalised_streda_relation_in_a_gap(validation):
    """σ_K^{ils} = −ε_{ila} ∂M_orb,a/∂h for H + h s at fixed μ in a gap, M_orb the orbital magnetization over e.

    M_z = ∫ f m_z + g Ω_z = −∫ Im Σ_{n occupied, m empty} v^x_nm v^y_mn (ε_n + ε_m − 2μ)/(ε_n − ε_m)², summed here.
    """
    from wb_conserved.interpolation import WannierInterpolator

    system, level, mesh = gapped_model(), 0.1, 40
    axis = np.arange(mesh) / mesh
    kpoints = np.stack(np.meshgrid(axis, axis, [0.0], indexing="ij"), -1).reshape(-1, 3)

    def magnetization(h, s):
        interpolator = WannierInterpolator(system)
        phases = interpolator.phases(kpoints)
        spin = 0.5 * system.get_R_mat("SS")[system.rvec.iR0][:, :, s]
        energies, vectors = np.linalg.eigh(interpolator(phases, "Ham") + h * spin)
        v = np.einsum("kpn,kpaq,kqm->kanm", vectors.conj(), interpolator(phases, "∂Ham"), vectors)
        occupied = energies < level
        pairs = occupied[:, :, None] & ~occupied[:, None, :]
        total = energies[:, :, None] + energies[:, None, :] - 2 * level
        gap = np.where(pairs, energies[:, :, None] - energies[:, None, :], 1.0)
        weights = np.where(pairs, total / gap**2, 0.0)
        cell = abs(np.linalg.det(system.real_lattice[:2, :2]))
        return -np.sum(weights * (v[:, 0] * v[:, 1].swapaxes(1, 2)).imag) / len(kpoints) / cell

    sigma = conductivities(system, level, 0.01, [mesh, mesh, 1], names=("kubo",))["kubo"]
    step = 1e-3
    for s in range(3):
        derivative = (magnetization(step, s) - magnetization(-step, s)) / (2 * step)
        assert abs(derivative) > 1e-6
        quantity = f"σ_K^{{xy,{'xyz'[s]}}} in a gap against −∂M_orb/∂h of H + hs"
        source = "generalised Středa relation, magnetization summed over bands"
        validation(quantity, -derivative, sigma[X, Y, s], source, within=1e-4 * abs(derivative), unit="e")
        assert sigma[Y, X, s] == pytest.approx(derivative, rel=1e-4)


@pytest.mark.parametrize("level", [-100.0, 100.0])
def test_empty_and_full_bands_carry_nothing(level):
    sigma = conductivities(random_model(), level, 0.05, 4)
    for name in ("conventional", "kubo", "dipole"):
        np.testing.assert_allclose(sigma[name], 0, atol=1e-7, err_msg=name)
