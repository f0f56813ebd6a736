"""Every exact answer that a model's docstring states, through the calculators and the driver; units of e, ħ = 1."""

import numpy as np
import pytest
import wannierberri

import wb_conserved
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    DipoleScatteringSpinConductivity,
    KuboConservedSpinConductivity,
)
from wb_conserved.models import (
    KPSystem,
    bhz,
    kane_mele,
    kramers_degenerate,
    massive_dirac,
    rashba_ferromagnet,
    rashba_gas,
    rashba_lattice,
)
from wb_conserved.units import conductivity_factor, periodic_measure

X, Y, Z = 0, 1, 2
CALCULATORS = {
    "conventional": ConventionalSpinConductivity,
    "conserved": ConservedSpinConductivity,
    "berry": BerrySpinConductivity,
    "dipole": DipoleScatteringSpinConductivity,
    "kubo": KuboConservedSpinConductivity,
}
ALL_EQUAL = ("conventional", "conserved", "berry", "kubo")
SYMBOLS = {name: calculator.symbol for name, calculator in CALCULATORS.items()}


def conductivities(system, level, kBT, mesh, operator="spin", names=tuple(CALCULATORS)):
    """Tensors [i, l, s] or [i, l] without the factor −e²/ħ, in Å^(2−D)."""
    calculators = {name: CALCULATORS[name]([level], kBT=kBT, operator=operator) for name in names}
    results = wb_conserved.run(system, mesh, calculators).results
    factor = conductivity_factor(system) * periodic_measure(system)[1]
    return {name: results[name].data[0] / factor for name in names}


def dirac_box(mass, velocity_width):
    """(2/π) arctan[...]: what the box holds of sgn m."""
    return 2 / np.pi * np.arctan(velocity_width**2 / (mass * np.sqrt(mass**2 + 2 * velocity_width**2)))


@pytest.mark.parametrize("mass", [0.6, -0.6])
@pytest.mark.parametrize("level", [0.1, 1.5, -1.5])
def test_massive_dirac_anomalous_hall(mass, level, validation):
    """σ^{xy} = −(1/4π) sgn m in the gap, −(1/4π) m/|μ| outside, less the part outside the box."""
    width = 5.0
    sigma = conductivities(massive_dirac(mass, 1.0, width), level, 0.02, [300, 300, 1], "identity")
    ideal = np.sign(mass) if abs(level) < abs(mass) else mass / abs(level)
    expected = -(ideal - np.sign(mass) + dirac_box(mass, width)) / (4 * np.pi)
    for name in ALL_EQUAL:
        assert sigma[name][X, Y] == pytest.approx(expected, abs=4e-4), name
        assert sigma[name][Y, X] == pytest.approx(-expected, abs=4e-4), name
    quantity = f"σ^{{xy}} of massive Dirac electrons (σ_in, s = 1), m = {mass}, μ = {level}"
    validation(quantity, expected, sigma["conserved"][X, Y], "closed form in a box", within=4e-4, unit="e")
    np.testing.assert_allclose(sigma["dipole"], 0, atol=1e-12)


@pytest.mark.parametrize("mass", [0.6, -0.6])
def test_massive_dirac_spin_in_the_gap(mass, validation):
    """σ_conv^{xy,z} = 0, σ_in = σ_B = 1/16π, σ_K = 0 at μ = 0."""
    sigma = conductivities(massive_dirac(mass, 1.0, 8.0), 0.0, 0.01, [300, 300, 1])
    unit = 1 / (16 * np.pi)
    for name, value in {"conventional": 0, "conserved": 1, "berry": 1, "kubo": 0}.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}} of massive Dirac electrons in the gap, m = {mass}"
        validation(quantity, value, sigma[name][X, Y, Z] / unit, "closed form", within=0.01, unit="e/16π")


@pytest.mark.parametrize(("zeeman", "berry"), [(0.3, 0.815), (0.1, 0.976)])
def test_rashba_ferromagnet(zeeman, berry, validation):
    """Closed forms on the two Fermi circles; σ_B = 0.815, 0.976 in units of 1/8π, σ_in = 0."""
    alpha, mu = 0.5, 1.0
    middle = mu + alpha**2
    root = np.sqrt(middle**2 - mu**2 + zeeman**2)
    upper, lower = (np.sqrt(zeeman**2 + alpha**2 * 2 * (middle + sign * root)) for sign in (-1, 1))
    unit = 1 / (8 * np.pi)
    assert 1 - 0.5 * zeeman**2 * (upper**-2 + lower**-2) == pytest.approx(berry, abs=5e-4)
    system = rashba_ferromagnet(zeeman=zeeman)
    sigma = conductivities(system, mu, 0.02, [300, 300, 1])
    conventional = (lower + zeeman**2 / lower - upper - zeeman**2 / upper) / (2 * alpha**2)
    expected = {"conventional": conventional, "conserved": 0, "berry": berry, "dipole": berry}
    for name, value in expected.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}} of the Rashba ferromagnet, Zeeman energy {zeeman}"
        validation(quantity, value, sigma[name][X, Y, Z] / unit, "closed form on both circles", within=3e-3, unit="e/8π")
        assert sigma[name][Y, X, Z] / unit == pytest.approx(-value, abs=3e-3), name
    hall = conductivities(system, mu, 0.02, [300, 300, 1], "identity", names=("berry",))["berry"][X, Y]
    expected = -zeeman / (4 * np.pi) * (1 / upper - 1 / lower)
    quantity = f"σ^{{xy}} (σ_B, s = 1) of the Rashba ferromagnet, Zeeman energy {zeeman}"
    validation(quantity, expected, hall, "closed form on both circles", within=1e-4, unit="e")


def test_a_small_zeeman_field_opens_the_crossing():
    """Z = 0.01: σ_B = 0.9998, from a region |k| < Z/α that needs a fine mesh, μ below the other circle's reach."""
    system = rashba_ferromagnet(zeeman=0.01, alpha=0.5, half_width=0.2)
    sigma = conductivities(system, 0.0, 1e-3, [300, 300, 1], names=("berry",))["berry"][X, Y, Z]
    # μ = 0 in the opened crossing: the lower band alone, all of the box occupied; (1/16π)(1 − Z²/Δ²) within the box
    alpha, zeeman, width = 0.5, 0.01, 0.2
    axis = (np.arange(2000) + 0.5) / 2000 * width
    k2 = axis[:, None] ** 2 + axis[None, :] ** 2
    delta2 = zeeman**2 + alpha**2 * k2
    occupied = k2 / 2 - np.sqrt(delta2) < 0
    density = np.where(occupied, zeeman**2 * alpha**2 / (4 * delta2**2), 0.0)
    assert sigma == pytest.approx(4 * density.sum() * (width / 2000) ** 2 / (4 * np.pi**2), rel=5e-3)


def test_a_ferromagnet_without_field_is_refused():
    with pytest.raises(ValueError, match="zeeman: expected a number other than 0"):
        rashba_ferromagnet(zeeman=0.0)


@pytest.mark.parametrize(
    ("coupling", "half", "quanta"),
    [("Rashba", 1, 9), ("Dresselhaus", 0, 3)],
)
def test_heavy_holes_with_cubic_coupling(coupling, half, quanta, validation):
    """iα k_−³ or iα k_+ k_−², s = (3/2) σ_z, both bands: σ_conv → 9 or 3, σ_K → −9 or −3 for small α; σ_in is that exactly."""
    alpha = 0.02

    def matrices(scalar, off):
        return np.stack([np.stack([scalar, off], -1), np.stack([off.conj(), scalar], -1)], -2)

    def powers(k):
        minus, plus = k[:, 0] - 1j * k[:, 1], k[:, 0] + 1j * k[:, 1]
        if half:
            return 1j * alpha * minus**3, 3j * alpha * minus**2, 3 * alpha * minus**2
        along = 1j * alpha * minus**2, 2j * alpha * plus * minus
        return 1j * alpha * plus * minus**2, along[0] + along[1], 1j * along[0] - 1j * along[1]

    def hamiltonian(k):
        return matrices((k[:, 0] ** 2 + k[:, 1] ** 2) / 2, powers(k)[0])

    def derivative(k):
        _, x, y = powers(k)
        return np.stack([matrices(k[:, 0], x), matrices(k[:, 1], y), 0 * matrices(k[:, 0], x)], -1)

    k, step = np.array([[0.3, 0.5, 0.0]]), 1e-5
    for axis in range(2):
        moved = np.eye(3)[axis] * step
        slope = (hamiltonian(k + moved) - hamiltonian(k - moved)) / (2 * step)
        np.testing.assert_allclose(derivative(k)[..., axis], slope, atol=1e-8)
    spin = np.diag([3.0, -3.0])[:, :, None] * [0, 0, 1]
    sigma = conductivities(KPSystem(hamiltonian, derivative, 2.5, {"SS": spin}), 1.0, 0.02, [300, 300, 1])
    source = "A. Wong and F. Mireles, PRB 81, 085304"
    for name, value in {"conventional": quanta, "conserved": -quanta, "kubo": -quanta}.items():
        quantity = f"{SYMBOLS[name]}^{{xy,z}}, heavy holes with cubic {coupling} coupling, α = {alpha}"
        found, within = sigma[name][X, Y, Z] * 8 * np.pi, 0.03 * quanta
        validation(quantity, value, found, source, kind="published", within=within, unit="e/8π")


@pytest.mark.parametrize(
    ("parameters", "quanta"),
    [({}, 1), ({"spin_orbit": -0.1}, -1), ({"staggered": 0.3}, 1), ({"staggered": 0.8}, 0)],
)
def test_kane_mele_without_rashba_coupling_is_quantised(parameters, quanta, validation):
    """(1/2π) sgn λ_SO for |λ_v| < 3√3 |λ_SO| = 0.52, else 0; whatever the definition of the current."""
    sigma = conductivities(kane_mele(**parameters), 0.0, 0.005, [60, 60, 1])
    for name in ALL_EQUAL:
        assert sigma[name][X, Y, Z] * 2 * np.pi == pytest.approx(quanta, abs=2e-4), name
        assert sigma[name][Y, X, Z] * 2 * np.pi == pytest.approx(-quanta, abs=2e-4), name
    settings = ", ".join(f"{name} {value}" for name, value in parameters.items()) or "default"
    source = "C. L. Kane and E. J. Mele, PRL 95, 146802: quantised"
    quantity = f"σ_K^{{xy,z}}, Kane–Mele model ({settings})"
    validation(quantity, quanta, sigma["kubo"][X, Y, Z] * 2 * np.pi, source, within=2e-4, unit="e/2π")


@pytest.mark.parametrize(
    ("mass", "quanta"), [(2.0, -1), (6.0, 1), (-1.0, 0), (9.0, 0)], ids=["w=1", "w=-1", "trivial", "beyond"]
)
def test_bhz_is_quantised(mass, quanta, validation):
    """−w/2π with w = ½[sgn M − 2 sgn(M − 4B) + sgn(M − 8B)]."""
    winding = 0.5 * (np.sign(mass) - 2 * np.sign(mass - 4) + np.sign(mass - 8))
    assert quanta == -winding
    sigma = conductivities(bhz(mass=mass), 0.0, 0.02, [40, 40, 1])
    for name in ALL_EQUAL:
        assert sigma[name][X, Y, Z] * 2 * np.pi == pytest.approx(quanta, abs=1e-4), name
    found = sigma["kubo"][X, Y, Z] * 2 * np.pi
    source = "B. A. Bernevig et al., Science 314, 1757: quantised"
    validation(f"σ_K^{{xy,z}}, BHZ model, M = {mass:g}", quanta, found, source, within=1e-4, unit="e/2π")


@pytest.mark.parametrize(
    "system", [kane_mele(rashba=0.15), bhz(mixing=0.5)], ids=["Kane–Mele with Rashba coupling", "BHZ with mixing"]
)
def test_without_conservation_nothing_is_quantised(system):
    """In the gap: no charge Hall effect, σ_in and σ_K antisymmetric and different from the quantum and each other."""
    sigma = conductivities(system, 0.0, 0.005, [60, 60, 1])
    for name in ("conserved", "kubo"):
        np.testing.assert_allclose(sigma[name], -sigma[name].swapaxes(0, 1), atol=1e-7)
    values = [abs(sigma[name][X, Y, Z]) * 2 * np.pi for name in ("conventional", "conserved", "kubo")]
    assert all(abs(value - 1) > 0.05 for value in values)
    assert np.ptp(values) > 0.1
    np.testing.assert_allclose(sigma["dipole"], 0, atol=1e-6)
    charge = conductivities(system, 0.0, 0.005, [24, 24, 1], "identity")
    for name in CALCULATORS:
        np.testing.assert_allclose(charge[name], 0, atol=1e-8, err_msg=name)


def test_kramers_degenerate_bands():
    """ε = ±|d|, each twice; H does not commute with s_z."""
    system = kramers_degenerate()
    k = np.random.default_rng(0).random((5, 3))
    phases = np.exp(2j * np.pi * k @ system.rvec.iRvec.T)
    hamiltonian = np.tensordot(phases, system.get_R_mat("Ham"), axes=1)
    d = dirac_vector(*(2 * np.pi * k.T), flip=0.7)
    size = np.sqrt(np.sum(np.square(d), axis=0))
    np.testing.assert_allclose(np.linalg.eigvalsh(hamiltonian), np.outer(size, [-1, -1, 1, 1]), atol=1e-12)
    s_z = np.kron(np.eye(2), np.diag([1, -1]))
    assert np.abs(hamiltonian @ s_z - s_z @ hamiltonian).max() > 0.1


def dirac_vector(x, y, z, flip):
    return np.sin(x), np.sin(y), flip * np.sin(z), 2 - 2 * (2 - np.cos(x) - np.cos(y))


@pytest.mark.parametrize("flip", [0.0, 0.7])
def test_kramers_degenerate_spin_hall(flip, validation):
    """In the gap all are −½ ∫ D/|d|³, by quadrature on another mesh; −1/2π for C = 0.  In a band they agree too."""
    axis = 2 * np.pi * (np.arange(32) + 0.5) / 32
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    d1, d2, d3, d4 = dirac_vector(x, y, z, flip)
    determinant = np.linalg.det(
        np.moveaxis(
            np.array([[d1, d2, d4], [np.cos(x), 0 * x, -2 * np.sin(x)], [0 * x, np.cos(y), -2 * np.sin(y)]]),
            (0, 1),
            (-2, -1),
        )
    )
    expected = -0.5 * np.mean(determinant / (d1**2 + d2**2 + d3**2 + d4**2) ** 1.5)
    if flip == 0:
        assert expected == pytest.approx(-1 / (2 * np.pi), rel=1e-4)
    system = kramers_degenerate(flip=flip)
    sigma = conductivities(system, 0.0, 0.02, [28, 28, 24])
    for name in ALL_EQUAL:
        assert sigma[name][X, Y, Z] == pytest.approx(expected, rel=1e-4), name
    quantity = f"σ_in^{{xy,z}}, crystal of Kramers pairs in the gap, spin flip {flip}"
    validation(quantity, expected, sigma["conserved"][X, Y, Z], "quadrature", within=1e-4 * abs(expected), unit="e/Å")
    if flip:
        metal = conductivities(system, 2.0, 0.1, 16)
        values = [metal[name][X, Y, Z] for name in ALL_EQUAL]
        assert abs(values[0]) > 1e-3
        np.testing.assert_allclose(values, values[0], rtol=1e-8)
    charge = conductivities(system, 0.0, 0.02, 8, "identity")
    for name in CALCULATORS:
        np.testing.assert_allclose(charge[name], 0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    ("system", "dimension"),
    [
        (massive_dirac(), 2),
        (rashba_ferromagnet(), 2),
        (rashba_gas(), 2),
        (rashba_lattice(), 2),
        (kane_mele(), 2),
        (bhz(), 2),
        (kramers_degenerate(), 3),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_units_follow_the_dimension(system, dimension):
    """Sheets per sheet, crystals per volume; the derivative of H is that of H."""
    assert periodic_measure(system)[0] == dimension
    calculator = ConventionalSpinConductivity([0.0])
    assert calculator.unit(dimension) == ("(ħ/|e|) S" if dimension == 2 else "(ħ/|e|) S/cm")
    grid = wannierberri.Grid(system, NK=1, NKFFT=1)
    assert np.prod(grid.dense) == 1


@pytest.mark.parametrize("build", [massive_dirac, rashba_ferromagnet])
def test_derivatives_of_kp_hamiltonians(build):
    system, k, h = build(), np.array([[0.3, -0.2, 0.0], [1.0, 0.5, 0.0]]), 1e-5
    for axis in range(3):
        step = h * np.eye(3)[axis]
        difference = (system.hamiltonian(k + step) - system.hamiltonian(k - step)) / (2 * h)
        np.testing.assert_allclose(system.derivative(k)[..., axis], difference, atol=1e-9)
