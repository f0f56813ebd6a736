"""The identities that the theory sheet marks [checked], multiplet by multiplet, on random models with and without
degeneracy, and with multiplets that are split."""


import numpy as np
import pytest
from reference import interband_torque_dipole, torque_dipole_polarizability_of_bands
from test_geometry import band_geometry, per_multiplet, random_kpoints

from wb_conserved import geometry
from wb_conserved.models import random_model
from wb_conserved.operators import IDENTITY, SPIN

pytestmark = pytest.mark.usefixtures("kernels")

CASES = [(False, 2, 1e-6), (False, 3, 1e-6), (True, 2, 1e-6), (True, 3, 1e-6), (False, 3, 0.8), (True, 3, 0.8)]


def model(kramers, dimension=3, seed=11):
    """Random model.  With Kramers pairs any spin expectation of a pair vanishes, so that s is a random matrix there."""
    system = random_model(kramers=kramers, dimension=dimension, seed=seed)
    if kramers:
        generator = np.random.default_rng(seed)
        matrix = generator.normal(size=(6, 6, 3)) + 1j * generator.normal(size=(6, 6, 3))
        system.set_R_mat("SS", matrix + matrix.conj().swapaxes(0, 1), R=[0, 0, 0], reset=True)
    return system


@pytest.fixture(params=CASES, ids=lambda case: f"kramers={case[0]}-{case[1]}D-{case[2]}eV")
def case(request):
    """System and threshold: non-degenerate, Kramers pairs, and larger groups of split bands."""
    kramers, dimension, threshold = request.param
    return model(kramers, dimension), threshold


def multiplet_sums(g, name):
    return per_multiplet(getattr(g, name), g.multiplets.same)


def shifted(system, kpoints, threshold, direction, step):
    reduced = np.zeros(3)
    reduced[direction] = step
    return band_geometry(system, kpoints + reduced @ np.linalg.inv(system.recip_lattice), threshold)


def derivative(system, kpoints, threshold, quantity, step=1e-3):
    """Fourth-order central difference along the three Cartesian directions, last axis; only k points at which the
    grouping is the same at all shifted ones."""
    directions, fine = [], np.ones(len(kpoints), dtype=bool)
    labels = band_geometry(system, kpoints, threshold).multiplets.labels
    for direction in range(3):
        values = []
        for h in (-2 * step, -step, step, 2 * step):
            g = shifted(system, kpoints, threshold, direction, h)
            fine &= np.all(g.multiplets.labels == labels, axis=1)
            values.append(quantity(g))
        directions.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    assert fine.sum() >= len(kpoints) // 2
    return np.stack(directions, axis=-1), fine


def test_torque_dipole_is_the_current_that_is_missing(case):
    """d^{iτ}_M = −tr_M J^{is} + tr_M(v^i_M s_M)."""
    g = band_geometry(case[0], random_kpoints(), case[1])
    inside = np.einsum("knam,kmsn->knas", g.velocity * g.multiplets.same[:, :, None], g.operator).real
    expected = per_multiplet(inside - geometry.diagonal(g.current), g.multiplets.same)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(multiplet_sums(g, "torque_dipole"), expected, atol=1e-10)


def test_torque_berry_curvature_is_the_gradient_of_s(case):
    """Ω^{iτ}_M = ∂_{k_i} s_M."""
    system, threshold = case
    kpoints = random_kpoints()
    expected, fine = derivative(
        system, kpoints, threshold, lambda g: per_multiplet(geometry.diagonal(g.operator), g.multiplets.same)
    )
    found = multiplet_sums(band_geometry(system, kpoints, threshold), "torque_berry_curvature")
    assert np.abs(found).max() > 1e-3
    np.testing.assert_allclose(found[fine], expected.swapaxes(-1, -2)[fine], atol=1e-6)


def test_conservation_identity(case):
    """q^{(il)τ}_M = tr_M(v^{(l} d^{i)s}) − d^{(li)s}_M: the local current J^s + J^τ is a pure curl."""
    g = band_geometry(case[0], random_kpoints(), case[1])
    trace = geometry.dipole_times_velocity(g.connection, g.operator, g.velocity, g.multiplets.same)
    difference = per_multiplet(trace, g.multiplets.same) - multiplet_sums(g, "current_dipole").swapaxes(2, 3)
    quadrupole = multiplet_sums(g, "torque_quadrupole")
    assert np.abs(quadrupole).max() > 1e-2
    np.testing.assert_allclose(quadrupole, quadrupole.swapaxes(2, 3), atol=1e-12)
    np.testing.assert_allclose(quadrupole, 0.5 * (difference + difference.swapaxes(2, 3)), atol=1e-9)


def test_gradient_of_the_dipole(case):
    """∂_{k_l} d^{is}_M in closed form, also for split multiplets."""
    system, threshold = case
    kpoints = random_kpoints()
    expected, fine = derivative(system, kpoints, threshold, lambda g: multiplet_sums(g, "operator_dipole"))
    found = multiplet_sums(band_geometry(system, kpoints, threshold), "dipole_derivative")
    assert np.abs(found).max() > 1e-2
    np.testing.assert_allclose(found[fine], np.moveaxis(expected, -1, 2)[fine], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("dimension", [2, 3])
def test_polarizability_both_ways(dimension):
    """Single bands: the identity and the interband torque dipole give the same χ."""
    g = band_geometry(random_model(dimension=dimension, seed=3), random_kpoints())
    interband = interband_torque_dipole(g.connection, g.torque, g.torque_derivative, g.velocity, g.gap)
    direct = torque_dipole_polarizability_of_bands(g.dipole_derivative, interband, g.velocity, g.gap)
    assert np.abs(direct).max() > 1e-2
    np.testing.assert_allclose(g.torque_dipole_polarizability, direct, atol=1e-8)


def test_moment_of_the_identity_is_the_orbital_moment(case):
    """m^1_a = Σ_{n∈M, m∉M} Im(v^b_nm v^c_mn)/(ε_n − ε_m), abc cyclic; no torque."""
    g = band_geometry(case[0], random_kpoints(), case[1], operator=IDENTITY)
    v, R = g.velocity, g.gap
    expected = np.stack(
        [np.einsum("knm,kmn,knm->kn", v[:, :, b], v[:, :, c], R).imag for b, c in ((1, 2), (2, 0), (0, 1))], -1
    )
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(
        multiplet_sums(g, "orbital_moment")[..., 0], per_multiplet(expected, g.multiplets.same), atol=1e-10
    )
    for name in ("torque_dipole", "torque_berry_curvature", "torque_quadrupole", "torque_dipole_polarizability"):
        np.testing.assert_allclose(multiplet_sums(g, name), 0, atol=1e-9, err_msg=name)


def test_multiplet_quantities_do_not_depend_on_the_basis_inside():
    """Random unitaries inside exactly degenerate pairs."""
    from scipy.stats import unitary_group

    from wb_conserved.calculators.band_geometry import BandGeometry
    from wb_conserved.interpolation import ArrayBatch

    g = band_geometry(model(kramers=True), random_kpoints())
    energies = np.repeat(g.batch.energies.reshape(5, -1, 2).mean(-1), 2, axis=1)
    unitaries = np.zeros((5, 6, 6), dtype=complex)
    for k in range(5):
        for n in (0, 2, 4):
            unitaries[k, n : n + 2, n : n + 2] = unitary_group.rvs(2, random_state=10 * k + n)

    def rotated_by(rotation):
        def rotate(matrix):
            return np.einsum("kpn,kp...q,kqm->kn...m", rotation.conj(), matrix, rotation)

        derivative = rotate(g.batch.velocity_derivative(False))
        batch = ArrayBatch(energies, rotate(g.velocity), {SPIN: rotate(g.operator)}, velocity_derivative=derivative)
        return BandGeometry(batch, SPIN, 1e-6, False, external_terms=False)

    identity = np.broadcast_to(np.eye(6, dtype=complex), (5, 6, 6))
    plain, rotated = rotated_by(identity), rotated_by(unitaries)
    for name in (
        "torque_dipole",
        "torque_berry_curvature",
        "torque_quadrupole",
        "current_dipole",
        "orbital_moment",
        "dipole_derivative",
        "torque_dipole_polarizability",
    ):
        before = multiplet_sums(plain, name)
        assert np.abs(before).max() > 1e-2, name
        np.testing.assert_allclose(multiplet_sums(rotated, name), before, atol=1e-8, err_msg=name)


def test_swapped_indices_break_every_identity():
    """The comparisons above are sharp: exchanging two axes of either side makes them fail."""
    system = model(kramers=False)
    g = band_geometry(system, random_kpoints())

    def differ(found, expected):
        return np.abs(found - expected).max() > 1e-2 * np.abs(expected).max()

    dipole = multiplet_sums(g, "torque_dipole")
    assert differ(dipole, dipole.swapaxes(2, 3))
    gradient = multiplet_sums(g, "torque_berry_curvature")
    assert differ(gradient, gradient.swapaxes(2, 3))
    derivative_of_dipole = multiplet_sums(g, "dipole_derivative")
    assert differ(derivative_of_dipole, derivative_of_dipole.swapaxes(2, 3))
    chi = multiplet_sums(g, "torque_dipole_polarizability")
    assert differ(chi, chi.swapaxes(2, 3))
    moment = multiplet_sums(g, "orbital_moment")
    assert differ(moment, moment.swapaxes(2, 3))
    # the conservation identity holds for the symmetric parts only, and not with the sign of a term changed
    trace = per_multiplet(
        geometry.dipole_times_velocity(g.connection, g.operator, g.velocity, g.multiplets.same), g.multiplets.same
    )
    current = multiplet_sums(g, "current_dipole").swapaxes(2, 3)
    quadrupole = multiplet_sums(g, "torque_quadrupole")
    assert differ(trace - current, quadrupole)
    wrong = trace + current
    assert differ(0.5 * (wrong + wrong.swapaxes(2, 3)), quadrupole)
    # the two forms of χ, with the field and the flow exchanged in one
    interband = interband_torque_dipole(g.connection, g.torque, g.torque_derivative, g.velocity, g.gap)
    other = torque_dipole_polarizability_of_bands(g.dipole_derivative.swapaxes(2, 3), interband, g.velocity, g.gap)
    assert differ(other, g.torque_dipole_polarizability)


@pytest.mark.parametrize("name, threshold", [("platinum", 1e-3), ("tellurium", 1e-3), ("iron", 1e-3)])
def test_algebraic_identities_on_real_data(name, threshold, request):
    """With external terms: torque dipole and conservation identity hold for any matrices."""
    from wb_conserved.calculators.band_geometry import BandGeometry
    from wb_conserved.interpolation import WannierInterpolator
    from wb_conserved.interpolation.batches import interpolated_batch

    system = request.getfixturevalue(name)
    g = BandGeometry(
        interpolated_batch(WannierInterpolator(system), random_kpoints(4)), SPIN, threshold, False, external_terms=True
    )
    same = g.multiplets.same
    inside = np.einsum("knam,kmsn->knas", g.velocity * same[:, :, None], g.operator).real
    expected = per_multiplet(inside - geometry.diagonal(g.current), same)
    scale = np.abs(per_multiplet(geometry.diagonal(g.velocity), same)).max()
    np.testing.assert_allclose(multiplet_sums(g, "torque_dipole"), expected, atol=1e-9 * scale)
    trace = per_multiplet(geometry.dipole_times_velocity(g.connection, g.operator, g.velocity, same), same)
    difference = trace - multiplet_sums(g, "current_dipole").swapaxes(2, 3)
    quadrupole = multiplet_sums(g, "torque_quadrupole")
    assert np.abs(quadrupole).max() > 1e-2
    np.testing.assert_allclose(
        quadrupole, 0.5 * (difference + difference.swapaxes(2, 3)), atol=1e-8 * np.abs(quadrupole).max()
    )


@pytest.mark.parametrize("name, largest", [("platinum", 0.3), ("tellurium", 1.0), ("iron", 1.0)])
def test_gradient_of_spin_on_real_data(name, largest, request):
    """Ω^{iτ}_M = ∂_{k_i} s_M for a spin matrix that does not depend on k; the interpolated one does.  The residual is
    exactly the trace of ∂s, here by finite differences, and stays below a stated part of the gradient."""
    system = request.getfixturevalue(name)
    kpoints, threshold = random_kpoints(6), 1e-3
    gradient, fine = derivative(
        system, kpoints, threshold, lambda g: per_multiplet(geometry.diagonal(g.operator), g.multiplets.same), 1e-4
    )
    g = band_geometry(system, kpoints, threshold)
    own = 0.5 * g.batch.matrix("∂SS").swapaxes(2, 3)  # k n a s m
    own = per_multiplet(geometry.diagonal(own), g.multiplets.same)
    gradient = gradient.swapaxes(-1, -2)
    found = multiplet_sums(g, "torque_berry_curvature")
    scale = max(np.abs(gradient[fine]).max(), np.abs(own[fine]).max())
    np.testing.assert_allclose((found + own)[fine], gradient[fine], atol=2e-4 * max(scale, 1e-2))
    if np.abs(gradient[fine]).max() > 1e-3:  # Kramers pairs have no spin
        assert np.abs(own[fine]).max() < largest * np.abs(gradient[fine]).max()
