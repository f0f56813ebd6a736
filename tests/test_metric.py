"""Band geometry with a metric: the identities that the theory sheet marks [checked] for bosons, multiplet by multiplet, on
random Bogoliubov Hamiltonians with single bands, exactly degenerate ones and multiplets that are split."""

import inspect
from types import SimpleNamespace

import array_api_strict as strict
import numpy as np
import pytest
import test_array_api
from bosons import complex_normal, honeycomb_magnons, random_blocks, random_bosons, random_forms, random_unitary
from reference import (
    finite_q_response,
    groups_of,
    interband_torque_dipole,
    proper_curvature,
    quantities,
    torque_dipole_polarizability_of_bands,
)
from scipy.special import spence
from test_geometry import per_multiplet, random_kpoints

from wb_conserved import geometry
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.geometry.algebra import adjoint
from wb_conserved.interpolation import ArrayBatch, WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import lattice_system
from wb_conserved.operators import IDENTITY, SPIN

THRESHOLD = 1e-6
CASES = [(1, False, THRESHOLD), (1, True, THRESHOLD), (2, False, THRESHOLD), (1, False, 2.5)]


def geometry_of(batch, threshold=THRESHOLD, operator=SPIN, of_metric=True):
    """Every quantity of a batch that knows a metric; per-band ones as sums over each band's multiplet."""
    metric = {"metric": batch.metric} if of_metric else {}
    multiplets = geometry.find_multiplets(batch.energies, threshold)
    same, v, s = multiplets.same, batch.velocity(False), batch.operator(operator)
    gap, mean_gap = geometry.inverse_gap(batch.energies, same), geometry.inverse_gap(multiplets.energies, same)
    A = geometry.interband_connection(v, gap)
    u = geometry.multiplet_velocity(v, multiplets)
    J = geometry.operator_current(v, s, **metric)
    torque, torque_derivative = geometry.torque(batch.energies, s), geometry.torque_derivative(v, s, **metric)
    gradient = geometry.connection_derivative(A, v, batch.velocity_derivative(False), gap, same, **metric)
    sums = {
        "s": geometry.diagonal(s),
        "J": geometry.diagonal(J),
        "v s": geometry.block_product_trace(v, geometry.inside(s, same), **metric),
        "Ω^s": geometry.operator_berry_curvature(v, J, gap, **metric),
        "Ω^ss": geometry.curvature_of_currents(J, gap, **metric),
        "d": geometry.operator_dipole(A, s, **metric),
        "Ωs": geometry.berry_curvature_times_operator(A, s, same, **metric),
        "P": geometry.proper_curvature(A, s, same, **metric),
        "d^J": geometry.current_dipole(A, J, **metric),
        "d v": geometry.dipole_times_velocity(A, s, v, same, **metric),
        "m": geometry.orbital_moment(A, J, s, v, same, **metric),
        "a": geometry.accumulation_in_gradient(A, s, v, same, **metric),
        "d^τ": geometry.torque_dipole(A, torque, **metric),
        "Ω^τ": geometry.torque_berry_curvature(v, torque, gap, **metric),
        "q": geometry.torque_quadrupole(A, torque, torque_derivative, **metric),
        "∂d": geometry.dipole_derivative(A, gradient, s, **metric),
        "K": geometry.kubo_conserved_sea(v, s, A, mean_gap, u, **metric),
        "S": geometry.kubo_conserved_surface(v, s, mean_gap, u, **metric),
    }
    sums = {name: per_multiplet(values, same) for name, values in sums.items()}
    sums["χ"] = geometry.torque_dipole_polarizability(sums["∂d"], sums["Ωs"], sums["Ω^s"])
    return SimpleNamespace(
        batch=batch, metric=metric, multiplets=multiplets, v=v, s=s, gap=gap, mean_gap=mean_gap, A=A, u=u, J=J,
        torque=torque, torque_derivative=torque_derivative, gradient=gradient, sums=sums
    )  # fmt: skip


def states(system, kpoints):
    return interpolated_batch(WannierInterpolator(system), np.asarray(kpoints))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"copies={case[0]}-centers={case[1]}-{case[2]}eV")
def case(request):
    """System, k points, threshold and geometry."""
    copies, centers, threshold = request.param
    system, kpoints = random_bosons(copies=copies, centers=centers), random_kpoints()
    g = geometry_of(states(system, kpoints), threshold)
    if threshold == THRESHOLD:
        assert np.all(g.multiplets.size == copies)
    else:
        assert set(np.unique(g.multiplets.size)) == {1, 2}  # single bands, and pairs that are split
    assert not np.any(g.multiplets.same & (g.batch.metric[:, None] != g.batch.metric))
    return SimpleNamespace(system=system, kpoints=kpoints, threshold=threshold, g=g)


def derivative(case, name, step=1e-3):
    """Fourth-order central difference along the three Cartesian directions, first axis after the band; and the k points
    where the bands are grouped alike at all shifted ones."""
    directions, fine = [], np.ones(len(case.kpoints), dtype=bool)
    for shift in step * np.linalg.inv(case.system.recip_lattice):
        values = []
        for h in (-2, -1, 1, 2):
            g = geometry_of(states(case.system, case.kpoints + h * shift), case.threshold)
            fine &= np.all(g.multiplets.labels == case.g.multiplets.labels, axis=1)
            values.append(g.sums[name])
        directions.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    assert fine.sum() >= len(case.kpoints) // 2
    return np.stack(directions, axis=2), fine


def same_numbers(found, expected, tolerance):
    assert np.abs(expected).max() > 1e-2  # the comparison is of something
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_current_is_half_the_anticommutator(case):
    """J = ½{v̂, ŝ}, written out."""
    g = case.g
    expected = np.einsum("knip,kpsm->knism", g.v, g.s) + np.einsum("knsp,kpim->knism", g.s, g.v)
    same_numbers(g.J, 0.5 * expected, 1e-14)
    expected = np.einsum("knip,kpsm->knism", g.v, g.s) - np.einsum("knsp,kpim->knism", g.s, g.v)
    same_numbers(g.torque_derivative, 1j * expected, 1e-14)


QUANTITIES_OF_CALCULATORS = {
    "diagonal_current": "J", "operator_berry_curvature": "Ω^s", "operator_dipole": "d", "orbital_moment": "m",
    "berry_curvature_times_operator": "Ωs", "current_dipole": "d^J", "torque_dipole": "d^τ", "torque_berry_curvature": "Ω^τ",
    "torque_quadrupole": "q", "dipole_derivative": "∂d", "kubo_sea": "K", "kubo_surface": "S", "expectation": "s",
    "torque_dipole_polarizability": "χ", "proper_curvature": "P",
    "curvature_of_currents": "Ω^ss",
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTITIES_OF_CALCULATORS)
def test_calculators_hand_on_the_metric(case, name):
    """The band geometry that calculators see, of a batch with a metric."""
    g = BandGeometry(states(case.system, case.kpoints), SPIN, case.threshold, False, external_terms=False)
    found = per_multiplet(getattr(g, name), g.multiplets.same)
    np.testing.assert_allclose(found, case.g.sums[QUANTITIES_OF_CALCULATORS[name]], rtol=1e-9, atol=1e-9)


def test_torque_dipole_is_the_current_that_is_missing(case):
    """d^{iτ}_M = −tr_M J^{is} + tr_M(v^i_M s_M)."""
    sums = case.g.sums
    same_numbers(sums["d^τ"], sums["v s"] - sums["J"], 1e-13)


def test_torque_berry_curvature_is_the_gradient_of_s(case):
    """Ω^{iτ}_M = ∂_{k_i} s_M."""
    gradient, fine = derivative(case, "s")
    same_numbers(case.g.sums["Ω^τ"][fine], gradient[fine], 1e-9)


def test_conservation_identity(case):
    """q^{(il)τ}_M = tr_M(v^{(l} d^{i)s}) − d^{(li)s}_M."""
    sums = case.g.sums
    difference = sums["d v"] - sums["d^J"].swapaxes(2, 3)
    same_numbers(sums["q"], 0.5 * (difference + difference.swapaxes(2, 3)), 1e-12)


def test_gradient_of_the_dipole(case):
    """∂_{k_l} d^{is}_M in closed form."""
    gradient, fine = derivative(case, "d")
    same_numbers(case.g.sums["∂d"][fine], gradient[fine], 1e-7)


def test_polarizability_both_ways():
    """Single bands: Ω^{lis} + χ^{il} = ∂_{k_l} d^{is} + Ωs^{li}, χ from the interband torque dipole, ∂d by differences."""
    case = SimpleNamespace(system=random_bosons(), kpoints=random_kpoints(), threshold=THRESHOLD)
    g = case.g = geometry_of(states(case.system, case.kpoints))
    interband = interband_torque_dipole(g.A, g.torque, g.torque_derivative, g.v, g.gap)
    chi = torque_dipole_polarizability_of_bands(g.sums["∂d"], interband, g.v, g.gap)
    same_numbers(g.sums["χ"], chi, 1e-11)
    gradient = derivative(case, "d")[0].swapaxes(2, 3)  # k n i l s
    same_numbers(g.sums["Ω^s"] + chi, gradient + g.sums["Ωs"], 1e-8)


def test_against_the_equations_written_out(case):
    """Sums over n and m of v_nm, s_mn and J_mn, which know nothing of adjoints."""
    g = case.g
    for k, energies in enumerate(g.batch.energies):
        groups = groups_of(energies, case.threshold)
        for M, expected in zip(
            groups, quantities(energies, np.moveaxis(g.v[k], 1, 0), np.moveaxis(g.s[k], 1, 0), groups), strict=True
        ):
            for name, key in (("Ω^s", "curvature"), ("Ωs", "berry"), ("d", "dipole"), ("m", "moment")):
                np.testing.assert_allclose(g.sums[name][k, M[0]], expected[key], atol=1e-11, err_msg=name)
            np.testing.assert_allclose(g.u[k, M[0]], expected["velocity"], atol=1e-13)
        arguments = energies, np.moveaxis(g.v[k], 1, 0), np.moveaxis(g.s[k], 1, 0), groups
        for M, expected in zip(groups, proper_curvature(*arguments), strict=True):
            np.testing.assert_allclose(g.sums["P"][k, M[0]], expected, atol=1e-11)


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("i_flow, l_field, s", [(0, 1, 2), (0, 0, 1), (2, 1, 0)])
def test_kubo_response_equals_the_finite_q_sum(copies, i_flow, l_field, s):
    """One multiplet at a time is occupied, as in test_kubo."""
    system = random_bosons(copies=copies)
    interpolator = WannierInterpolator(system)
    to_reduced = np.linalg.inv(system.recip_lattice)

    def states_at(k):
        batch = interpolated_batch(interpolator, k[None] @ to_reduced)
        gradient = interpolator(interpolator.phases(k[None] @ to_reduced), "∂Ham")[0]
        return batch.energies[0], batch.eigenvectors[0], np.moveaxis(gradient, 1, 0)

    k, step, T = np.array([0.31, -0.52, 1.13]), 1e-3, 2.0
    g = geometry_of(states(system, (k @ to_reduced)[None]))
    groups = groups_of(g.batch.energies[0], THRESHOLD)
    assert len(groups) == 6
    spin = 0.5 * system.get_R_mat("SS")[system.rvec.iR0][:, :, s]
    for index, M in enumerate(groups):

        def occupation(energy, group, index=index):
            return np.exp(-energy / T) if group == index else 0.0

        def response(q, occupation=occupation):
            arguments = k, q, i_flow, l_field, spin, occupation, groups
            return finite_q_response(states_at, *arguments, metric=g.batch.metric)

        slope = (8 * (response(step) - response(-step)) - (response(2 * step) - response(-2 * step))) / (12 * step)
        f = np.exp(-g.multiplets.energies[0, M[0]] / T)
        sea, surface = (g.sums[name][0, M[0], i_flow, l_field, s] for name in ("K", "S"))
        assert (1j * slope).real == pytest.approx(f * (sea + surface / T), rel=1e-6, abs=1e-8)


def by_hand(g, rotation=None, metric=None):
    """Batch of the same states, rotated by matrices (k, n, m)."""

    def rotated(matrix):
        if rotation is None:
            return matrix
        return np.einsum("kpn,kp...q,kqm->kn...m", rotation.conj(), matrix, rotation)

    w = rotated(g.batch.velocity_derivative(False))
    return ArrayBatch(g.multiplets.energies, rotated(g.v), {SPIN: rotated(g.s)}, metric=metric, velocity_derivative=w)


def test_the_basis_inside_multiplets_does_not_matter():
    """Para-unitary matrices that leave multiplets alone are unitary in each, as all of a multiplet has one norm."""
    generator = np.random.default_rng(8)
    g = geometry_of(states(random_bosons(copies=2), random_kpoints()))
    rotation = np.zeros((5, 12, 12), dtype=complex)
    for k in range(5):
        for n in range(0, 12, 2):
            rotation[k, n : n + 2, n : n + 2] = random_unitary(generator, 2)
    plain, rotated = (geometry_of(by_hand(g, turn, g.batch.metric)).sums for turn in (None, rotation))
    for name, expected in plain.items():
        same_numbers(rotated[name], expected, 1e-11)
    # and the check can fail
    mixing = np.broadcast_to(np.kron(np.eye(2), random_unitary(generator, 6)), (5, 12, 12))
    mixed = geometry_of(by_hand(g, mixing, g.batch.metric)).sums
    assert all(np.abs(mixed[name] - expected).max() > 1e-3 for name, expected in plain.items())


def test_without_pairing_positive_norms_are_ordinary_bands():
    A, B = random_blocks(pairing=0.0)
    forms = random_forms(6)
    forms[:3, 3:] = forms[3:, :3] = 0
    system = random_bosons(pairing=0.0)
    system.set_R_mat("SS", forms, R=[0, 0, 0], reset=True)
    ordinary = lattice_system(system.real_lattice, A, forms[:3, :3])
    found = geometry_of(states(system, random_kpoints()))
    expected = geometry_of(states(ordinary, random_kpoints()))
    assert expected.batch.metric is None
    np.testing.assert_allclose(found.batch.energies[:, 3:], expected.batch.energies, atol=1e-13)
    for name, values in expected.sums.items():
        same_numbers(found.sums[name][:, 3:], values, 1e-11)


def test_pairing_matters():
    """Guard of all of this: with the Hermitian formulas of the same matrices every identity is far off."""
    g = geometry_of(states(random_bosons(), random_kpoints()))
    wrong = geometry_of(g.batch, of_metric=False).sums
    for name in set(wrong) - {"s", "J", "v s", "d v", "a", "Ωs"}:  # these are traces of products of blocks
        assert np.abs(wrong[name] - g.sums[name]).max() > 1e-2 * np.abs(g.sums[name]).max(), name


def test_algebraic_identities_for_multiplets_of_both_norms():
    """Random pseudo-Hermitian matrices of no Hamiltonian, with degenerate bands of different norms."""
    generator = np.random.default_rng(2)
    v, s, w = (
        X + adjoint(X, metric=METRIC)
        for X in (complex_normal(generator, 4, 6, *axes, 6) for axes in ((3,), (3,), (3, 3)))
    )
    energies = np.sort(generator.normal(size=(4, 6)), axis=1)
    energies[:, 1::2] = energies[:, ::2]
    g = geometry_of(ArrayBatch(energies, v, {SPIN: s}, metric=METRIC, velocity_derivative=w))
    same_numbers(g.sums["d^τ"], g.sums["v s"] - g.sums["J"], 1e-13)
    difference = g.sums["d v"] - g.sums["d^J"].swapaxes(2, 3)
    same_numbers(g.sums["q"], 0.5 * (difference + difference.swapaxes(2, 3)), 1e-12)
    same_numbers(g.sums["m"], 0.5 * geometry.axial_vector(g.sums["d^J"] + g.sums["d v"]), 1e-13)
    products = np.einsum("knap,kpbm->kabnm", g.A, g.A)
    blocks = 1j * (products.swapaxes(1, 2) - products) * g.multiplets.same[:, None, None]  # Ω^{li} at [i, l]
    same_numbers(g.sums["Ωs"], per_multiplet(np.einsum("kilnm,kmsn->knils", blocks, s).real, g.multiplets.same), 1e-13)


def test_a_metric_of_ones_is_none():
    system = lattice_system(np.eye(3), random_blocks()[0], random_forms(3))
    g = geometry_of(states(system, random_kpoints()))
    none, ones = (geometry_of(by_hand(g, metric=metric)).sums for metric in (None, np.ones(3)))
    for name, expected in none.items():
        np.testing.assert_array_equal(ones[name], expected, err_msg=name)


METRIC = np.tile([-1.0, 1.0], test_array_api.N // 2)  # also inside multiplets


class WithMetric:
    """The functions of `wb_conserved.geometry`, with a metric from the library of the other arguments where they take it."""

    def __getattr__(self, name):
        function = getattr(geometry, name)
        if name == "find_multiplets" or "metric" not in inspect.signature(function).parameters:
            return function

        def with_metric(first, *others):
            xp = first.__array_namespace__()
            return function(first, *others, metric=xp.asarray(METRIC, device=first.device))

        return with_metric


FUNCTIONS = [name for name in geometry.__all__ if "metric" in inspect.signature(getattr(geometry, name)).parameters]
FUNCTIONS.remove("find_multiplets")  # for which these multiplets of both norms would not be any


def test_bands_of_different_norm_are_no_multiplet():
    energies = strict.asarray([[-0.5, -0.1, 0.1, 0.2], [-3.0, -2.0, 0.1, 2.0]])
    metric = strict.asarray([-1.0, -1.0, 1.0, 1.0])
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        found = geometry.find_multiplets(energies, 0.5, metric=metric)
    assert np.asarray(found.labels).tolist() == [[0, 0, 1, 1], [0, 1, 2, 3]]
    without = geometry.find_multiplets(energies, 0.5)
    assert np.asarray(without.labels).tolist() == [[0, 0, 0, 0], [0, 1, 2, 3]]


@pytest.mark.parametrize("device", [test_array_api.CPU, test_array_api.ACCELERATOR], ids=["cpu", "accelerator"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_a_metric_use_the_array_api_alone(name, device, monkeypatch):
    case = test_array_api.CASES[name]
    arguments = test_array_api.random_arguments()
    without = case(arguments)
    monkeypatch.setattr(test_array_api, "geometry", WithMetric())
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        test_array_api.check(case, device)
    pairs = zip(*(x if isinstance(x, list) else [x] for x in (case(arguments), without)), strict=True)
    assert any(np.abs(a - b).max() > 1e-2 for a, b in pairs)  # it takes part


def test_adjoint_of_a_product():
    """(XY)† = Y†X†, X†† = X, and of pseudo-Hermitian matrices X† = X."""
    generator = np.random.default_rng(4)
    X, Y = complex_normal(generator, 2, 3, 6, 6)
    dagger = {"metric": METRIC}
    np.testing.assert_allclose(
        adjoint(X @ Y, **dagger), adjoint(Y, **dagger) @ adjoint(X, **dagger), rtol=0, atol=1e-13
    )
    np.testing.assert_array_equal(adjoint(adjoint(X, **dagger), **dagger), X)
    form = X + X.conj().swapaxes(1, 2)
    np.testing.assert_array_equal(adjoint(METRIC[:, None] * form, **dagger), METRIC[:, None] * form)


def bose_sums(exchange, directions, temperature, mesh=40):
    """Bands of positive norm, their Chern numbers, κ^{xy} and α^{xy,z} of spin waves; ħ = k_B = 1."""
    x = (np.arange(mesh) + 0.5) / mesh
    kpoints = np.stack(np.meshgrid(x, x, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    batch = states(honeycomb_magnons(exchange, directions), kpoints)
    positive = batch.metric > 0
    multiplets = geometry.find_multiplets(batch.energies, 1e-8)
    A = geometry.interband_connection(batch.velocity(False), geometry.inverse_gap(batch.energies, multiplets.same))
    curvature, spin = (
        geometry.berry_curvature_times_operator(A, batch.operator(s), multiplets.same, metric=batch.metric)[:, positive]
        for s in (IDENTITY, SPIN)
    )
    assert np.abs(geometry.operator_dipole(A, batch.operator(SPIN), metric=batch.metric)).max() < 1e-12  # [H, s] = 0
    energies = batch.energies[:, positive]
    n = 1 / np.expm1(energies / temperature)
    c1 = (1 + n) * np.log1p(n) - n * np.log(n)
    c2 = (1 + n) * np.log((1 + n) / n) ** 2 - np.log(n) ** 2 - 2 * spence(1 + n)  # Li_2(−n) = spence(1 + n)
    return SimpleNamespace(
        energies=energies,
        chern=2 * np.pi * curvature[:, :, 1, 0, 0].mean(axis=0),  # Ω^{xy}, stored as [i = y, l = x]
        kappa=temperature * (c2 * curvature[:, :, 0, 1, 0]).sum(axis=1).mean(),
        alpha=(c1 * spin[:, :, 0, 1, 2]).sum(axis=1).mean(),
    )


@pytest.mark.parametrize("temperature, kappa, alpha", [(0.5, -0.0285759, 0.0113607), (1.0, -0.134757, 0.0478174)])
def test_honeycomb_ferromagnet(temperature, kappa, alpha, validation):
    """Numbers of the theory sheet (300² mesh; 40² gives the same)."""
    magnons = bose_sums(-1.0, (1, 1), temperature)
    np.testing.assert_allclose(magnons.chern, [1, -1], atol=1e-6)
    options = {"source": "independent implementation, 300²", "kind": "code", "unit": "ħ = k_B = 1"}
    for name, expected, found in (("κ^{xy}", kappa, magnons.kappa), ("α^{xy,z}", alpha, magnons.alpha)):
        quantity = f"{name} of magnons, honeycomb ferromagnet, T = {temperature}"
        validation(quantity, expected, found, within=5e-6 * abs(expected), **options)


@pytest.mark.parametrize("temperature, alpha", [(0.5, -0.000551966), (1.0, -0.00240959)])
def test_honeycomb_antiferromagnet(temperature, alpha):
    magnons = bose_sums(1.0, (1, -1), temperature)
    assert abs(magnons.kappa) < 1e-15
    assert magnons.alpha == pytest.approx(alpha, rel=5e-6)


def test_bands_of_the_honeycomb_ferromagnet(validation):
    """0.1 and 6.1 at Γ, 3.1 ∓ 0.3√3 at K (2.58030 and 3.61970 on the mesh of the theory sheet)."""
    batch = states(honeycomb_magnons(-1.0, (1, 1)), [[0, 0, 0], [1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]])
    energies = batch.energies[:, 2:]
    np.testing.assert_allclose(energies[0], [0.1, 6.1], atol=1e-12)
    for n, sign in enumerate((-1, 1)):
        exact = 3.1 + sign * 0.3 * 3**0.5
        validation(f"magnon {n + 1} at K, honeycomb ferromagnet", exact, energies[1, n], "closed form", within=1e-12, unit="J")
    np.testing.assert_allclose(energies[1:], [[3.1 - 0.3 * 3**0.5, 3.1 + 0.3 * 3**0.5]] * 2, atol=1e-12)
