"""Eigensolvers, what batches promise whatever the solver, and batches made by hand."""

import numpy as np
import pytest
import wannierberri
from bosons import complex_normal, honeycomb_magnons, random_bosons, random_forms, random_positions
from test_geometry import random_kpoints

from wb_conserved.errors import InputError
from wb_conserved.geometry.algebra import adjoint, product
from wb_conserved.interpolation import (
    HERMITIAN,
    PARAUNITARY,
    ArrayBatch,
    WannierInterpolator,
    states_of,
)
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.interpolation.bloch import InterpolatedBatch
from wb_conserved.interpolation.eigen import packed
from wb_conserved.models import lattice_system, random_model, rashba_gas
from wb_conserved.operators import IDENTITY, SPIN

BASIS = np.repeat([1.0, -1.0], 3)


def states(system, kpoints=None):
    return interpolated_batch(WannierInterpolator(system), random_kpoints(20) if kpoints is None else kpoints)


def in_wannier_gauge(system, name, kpoints):
    interpolator = WannierInterpolator(system)
    return interpolator(interpolator.phases(kpoints), name)


def dagger(vectors):
    return vectors.conj().swapaxes(1, 2)


@pytest.mark.parametrize("copies", [1, 2])
def test_paraunitary_states(copies):
    """T†ηT = η, T†HT = E > 0, ε̂ = ηE in ascending order."""
    system, kpoints = random_bosons(copies=copies), random_kpoints(200)
    batch = states(system, kpoints)
    T, energies, metric = batch.eigenvectors, batch.energies, batch.metric
    half = 3 * copies
    assert metric.tolist() == [-1] * half + [1] * half
    basis = np.repeat([1.0, -1.0], half)
    norms = dagger(T) @ (basis[:, None] * T)
    np.testing.assert_allclose(norms, np.broadcast_to(np.diag(metric), norms.shape), rtol=0, atol=1e-13)
    assert np.all(np.diff(energies, axis=1) >= 0) and np.all(metric * energies > 0)
    forms = dagger(T) @ in_wannier_gauge(system, "Ham", kpoints) @ T
    np.testing.assert_allclose(
        forms, np.eye(2 * half) * (metric * energies)[:, None], rtol=0, atol=1e-13 * energies.max()
    )
    assert np.abs(T[:, :half, :half]).max() > 0.4  # pairing is not small
    levels = np.sort(np.linalg.eigvals(basis[:, None] * in_wannier_gauge(system, "Ham", kpoints)), axis=1)
    np.testing.assert_allclose(energies, levels.real, rtol=0, atol=1e-11)
    if copies == 2:
        np.testing.assert_allclose(energies[:, ::2], energies[:, 1::2], rtol=0, atol=1e-12)


def positive_definite(number, size, seed=0):
    root = complex_normal(np.random.default_rng(seed), number, size, size)
    return root @ dagger(root) + 0.1 * np.eye(size)


@pytest.mark.parametrize("size", [2, 4, 6, 12, 14])
def test_kernel_and_numpy(size, monkeypatch):
    """The same energies and, up to a phase, states; those of a k point to the last bit whatever its neighbours."""
    real = packed(positive_definite(21, size))
    energies, states = PARAUNITARY.solve(real)
    np.testing.assert_array_equal(PARAUNITARY.energies(real), energies)
    for part in (slice(3, 4), slice(5, 17)):
        np.testing.assert_array_equal(PARAUNITARY.solve(real[part])[1], states[part])
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "0")
    expected, others = PARAUNITARY.solve(real)
    np.testing.assert_allclose(energies, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(PARAUNITARY.energies(real), expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    basis = np.repeat([1.0, -1.0], size // 2)
    overlaps = np.abs(dagger(others) @ (basis[:, None] * states))
    np.testing.assert_allclose(overlaps, np.broadcast_to(np.eye(size), overlaps.shape), rtol=0, atol=1e-10)


@pytest.mark.parametrize("bad", [0, 8, 20])
def test_one_matrix_among_others(bad, kernels):
    """That is not positive, or not finite."""
    matrices = positive_definite(21, 4)
    matrices[bad] -= 1.01 * np.linalg.eigvalsh(matrices[bad])[0] * np.eye(4)
    for solve in (PARAUNITARY.solve, PARAUNITARY.energies):
        with pytest.raises(InputError, match=f"positive definite.*at index {bad}[.]"):
            solve(packed(matrices))
    matrices[bad, 1, 1] = np.nan
    with pytest.raises((np.linalg.LinAlgError, InputError)):
        PARAUNITARY.solve(packed(matrices))


def test_holes_have_the_energies_of_particles_at_the_opposite_point():
    system, kpoints = random_bosons(), random_kpoints()
    np.testing.assert_allclose(states(system, -kpoints).energies[:, :3], -states(system, kpoints).energies[:, :2:-1])


def test_corner_energies_are_those_of_the_states():
    system, kpoints = random_bosons(), random_kpoints(37)
    interpolator = WannierInterpolator(system)
    np.testing.assert_allclose(interpolator.band_energies(kpoints), states(system, kpoints).energies, atol=1e-12)
    # and to the last bit, they depend on the k point alone
    np.testing.assert_array_equal(interpolator.band_energies(kpoints)[5:9], interpolator.band_energies(kpoints[5:9]))


@pytest.mark.parametrize("name", ["SS", "∂Ham", "∂∂Ham", "AA", "∂AA", "rot AA", "SH"])
def test_rotation(name):
    """X̂ = η(T†XT)."""
    system, kpoints = with_position(random_bosons()), random_kpoints()
    system.set_R_mat("SH", complex_normal(np.random.default_rng(9), 6, 6, 3), R=[0, 0, 0])
    batch = states(system, kpoints)
    T, X = batch.eigenvectors, in_wannier_gauge(system, name, kpoints)
    expected = batch.metric[:, None] * np.einsum("kin,ki...j,kjm->k...nm", T.conj(), X, T)
    np.testing.assert_allclose(np.moveaxis(batch.matrix(name), 1, -2), expected, rtol=0, atol=1e-13)
    hermitian = adjoint(batch.matrix(name), metric=batch.metric)
    assert np.allclose(batch.matrix(name), hermitian, rtol=0, atol=1e-13) == (name != "SH")


def with_position(system, seed=7):
    """Random forms ηr at two pairs of R vectors, in the place of the position matrix."""
    generator = np.random.default_rng(seed)
    matrices = np.zeros((system.rvec.nRvec, 6, 6, 3), dtype=complex)
    index = {tuple(R): i for i, R in enumerate(system.rvec.iRvec.tolist())}
    matrices[index[0, 0, 0]] = 0.3 * random_forms(6)
    for R in ((1, 0, 0), (1, 1, 0)):
        matrices[index[R]] = 0.2 * complex_normal(generator, 6, 6, 3)
        matrices[index[tuple(-x for x in R)]] = matrices[index[R]].conj().swapaxes(0, 1)
    system.set_R_mat("AA", matrices, reset=True)
    return system


def test_velocity_is_the_gradient_of_energy():
    system, kpoints, step = random_bosons(centers=True), random_kpoints(), 1e-3
    velocity = np.einsum("knan->kna", states(system, kpoints).velocity(False))
    for a, shift in enumerate(step * np.linalg.inv(system.recip_lattice)):
        e = [states(system, kpoints + h * shift).energies for h in (-2, -1, 1, 2)]
        slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * step)
        np.testing.assert_allclose(velocity[:, :, a].real, slope, rtol=0, atol=1e-9)
        np.testing.assert_allclose(velocity[:, :, a].imag, 0, atol=1e-13)


def test_external_terms_of_bosons():
    """With the operators L = ηH and r = η AA: v = ∂L + i [L, r], ∂_l v − i [r^l, v], F = ∂_a r^b − ∂_b r^a − i [r^a, r^b]."""
    system, kpoints = with_position(random_bosons(centers=True)), random_kpoints()
    batch = states(system, kpoints)
    L, dL, ddL, r, dr, curl = (
        BASIS.reshape(-1, *(1 for _ in X.shape[2:])) * X
        for X in (in_wannier_gauge(system, n, kpoints) for n in ("Ham", "∂Ham", "∂∂Ham", "AA", "∂AA", "rot AA"))
    )
    v = dL - 1j * (product(r, L) - product(L, r))
    dv = ddL - 1j * (product(dr, L) - product(L, dr))  # ∂_l v^a, k i a l j, first with L itself
    dv = dv - 1j * (product(r, dL) - product(dL, r).swapaxes(2, 3))  # then with ∂_l L
    w = dv.swapaxes(2, 3) - 1j * (product(r, v) - product(v, r).swapaxes(2, 3))
    square = product(r, r)
    F = curl - 1j * np.stack([square[:, :, a, b] - square[:, :, b, a] for a, b in ((1, 2), (2, 0), (0, 1))], axis=2)
    T = batch.eigenvectors

    def between_states(X):
        return np.moveaxis(np.linalg.inv(T)[:, None] @ np.moveaxis(X.reshape(5, 6, -1, 6), 1, 2) @ T[:, None], 1, 2)

    Y = batch.subspace()
    for found, expected in (
        (batch.velocity(True), v),
        (batch.velocity_derivative(True), w),
        (1j * Y + adjoint(1j * Y, metric=batch.metric), F),
    ):
        expected = between_states(expected).reshape(found.shape)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_centres_or_a_position_matrix():
    """Positions t as Wannier centres, or as the form AA = ηt with all centres at the origin: the same velocity."""
    of_centres = random_bosons(centers=True)
    system = random_bosons()
    matrix = np.zeros((6, 6, 3), dtype=complex)
    matrix[range(6), range(6)] = BASIS[:, None] * np.tile(random_positions(3, 0), (2, 1))
    system.set_R_mat("AA", matrix, R=[0, 0, 0], reset=True)
    found, expected = states(system), states(of_centres)
    assert np.abs(found.velocity(False) - expected.velocity(False)).max() > 0.1
    np.testing.assert_allclose(found.velocity(True), expected.velocity(False), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.velocity_derivative(True), expected.velocity_derivative(False), rtol=0, atol=1e-12)


class TestNotPositive:
    def test_unstable(self):
        """The error names the smallest eigenvalue, where it is, and what to do."""
        system, kpoints = random_bosons(), random_kpoints(4)
        lowest = np.linalg.eigvalsh(in_wannier_gauge(system, "Ham", kpoints))[:, 0]
        k = int(np.argmin(lowest))
        system.set_R_mat("Ham", -(lowest[k] + 1e-3) * np.eye(6), R=[0, 0, 0], add=True)
        with pytest.raises(InputError, match="positive definite") as error:
            _ = states(system, kpoints).energies
        message = str(error.value)
        assert f"smallest eigenvalue -0.001 eV at index {k}, k = ({kpoints[k, 0]:.6g}, " in message
        assert "regulator" in message and "anisotropy" in message and "stable ground state" in message
        with pytest.raises(InputError, match=f"index {k}, k = "):
            WannierInterpolator(system).band_energies(kpoints)
        with pytest.raises(InputError, match=f"index {k}[.]"):
            PARAUNITARY.energies(packed(in_wannier_gauge(system, "Ham", kpoints)))

    @pytest.mark.parametrize("directions", [(1, 1), (1, -1)])
    def test_goldstone_mode(self, directions):
        """Magnons without anisotropy at Γ, within rounding: refused; elsewhere not, also just beside Γ."""
        system = honeycomb_magnons(-directions[1], directions)
        system.set_R_mat("Ham", -0.1 * np.eye(4), R=[0, 0, 0], add=True)
        with pytest.raises(InputError, match=r"smallest eigenvalue .*e-1\d eV at index 1, k = \(0, 0, 0\)"):
            _ = states(system, np.array([[0.1, 0.2, 0.0], [0.0, 0.0, 0.0]])).energies
        assert np.all(states(system, np.array([[1e-4, 0.0, 0.0]])).energies[:, 2:] > 0)

    def test_positive_within_rounding(self):
        """A Cholesky factor exists, but a smallest eigenvalue of 1e-14 is no number."""
        matrices = np.array([np.diag([1.0, 1.0]), np.diag([1e-14, 1.0])], dtype=complex)
        with pytest.raises(InputError, match="smallest eigenvalue 1e-14 eV at index 1[.]"):
            PARAUNITARY.solve(packed(matrices))
        matrices[1, 0, 0] = 1e-10
        np.testing.assert_allclose(PARAUNITARY.energies(packed(matrices))[0], [-1, 1])

    def test_odd_number_of_functions(self):
        with pytest.raises(InputError, match="even number of functions.*found 3"):
            PARAUNITARY.metric(3)


def test_every_batch_has_eigenvectors_and_a_metric(monkeypatch):
    kpoints = random_kpoints(20)
    selection = np.arange(20) % 3 == 0
    for kernels in "01":
        monkeypatch.setenv("WB_CONSERVED_COMPILED", kernels)
        batches = [states(random_model(), kpoints), states(random_bosons(), kpoints)]
        assert type(batches[1]) is InterpolatedBatch  # kernels are for electrons
        system = rashba_gas()
        data_K = system.data_k_class(system, k_list=kpoints, grid=wannierberri.Grid(system, NK=1, NKFFT=1))
        batches += states_of(data_K).batches
        for batch, boson in zip(batches, (False, True, False), strict=True):
            assert (batch.metric is not None) == boson
            U = batch.eigenvectors
            if not boson:
                np.testing.assert_allclose(dagger(U) @ U, np.broadcast_to(np.eye(U.shape[2]), U.shape), atol=1e-12)
            chosen, some = batch.selected(selection)
            assert np.all(chosen[selection])
            np.testing.assert_array_equal(some.eigenvectors, U[chosen])
            assert some.metric is batch.metric


def test_solver_of_a_system_that_provides_its_own_matrices_is_refused():
    system = rashba_gas()
    system.eigensolver = PARAUNITARY
    data_K = system.data_k_class(system, k_list=random_kpoints(), grid=wannierberri.Grid(system, NK=1, NKFFT=1))
    with pytest.raises(InputError, match="R-space matrices, for an eigensolver of its own"):
        list(states_of(data_K).batches)


def test_electrons_are_hermitian():
    interpolator = WannierInterpolator(random_model())
    assert interpolator.eigensolver == HERMITIAN and interpolator.metric is None
    system = lattice_system(np.eye(3), {(0, 0, 0): np.diag([1.0, 2.0])})
    system.eigensolver = PARAUNITARY
    assert WannierInterpolator(system).metric.tolist() == [-1, 1]


class TestArrayBatch:
    @pytest.fixture
    def arrays(self):
        batch = states(random_bosons(), random_kpoints(4))
        return batch.energies, batch.velocity(False), {SPIN: batch.operator(SPIN)}, batch.metric

    def test_holds_what_it_is_given(self, arrays):
        energies, velocity, operators, metric = arrays
        batch = ArrayBatch(energies, velocity, {"SS": 2 * operators[SPIN]}, metric=metric.astype(int).tolist())
        np.testing.assert_array_equal(batch.operator(SPIN), operators[SPIN])
        np.testing.assert_array_equal(batch.velocity(True), velocity)
        np.testing.assert_array_equal(batch.velocity(False), velocity)
        np.testing.assert_array_equal(batch.metric, metric)
        assert batch.operator(IDENTITY).shape == (4, 6, 1, 6)
        some = batch.selected(np.array([True, False, False, True]))[1]
        np.testing.assert_array_equal(some.operator(SPIN), operators[SPIN][[0, 3]])

    def test_what_was_not_given(self, arrays):
        energies, velocity, operators, metric = arrays
        batch = ArrayBatch(energies, velocity, operators, metric=metric)
        for ask, name in (
            (lambda: batch.eigenvectors, "eigenvectors"),
            (lambda: batch.velocity_derivative(False), "velocity_derivative"),
            (lambda: batch.subspace(), "subspace"),
        ):
            with pytest.raises(InputError, match=rf"ArrayBatch\({name}=...\): expected .*; found none given"):
                ask()
        with pytest.raises(InputError, match=r"what is asked for, AA; found only \['spin'\]"):
            batch.matrix("AA")

    def test_refuses_what_does_not_fit(self, arrays):
        energies, velocity, operators, metric = arrays
        spin = operators[SPIN]
        for change, message in (
            ({"energies": energies[0]}, r"energies: expected an array \(k, n\); found shape \(6,\)"),
            ({"energies": energies[:, ::-1]}, "energies: expected bands in ascending order"),
            (
                {"velocity": velocity[:, :, :2]},
                r"velocity: expected an array \(4, 6, 3, 6\); found shape \(4, 6, 2, 6\)",
            ),
            ({"operators": {SPIN: spin[:3]}}, r"spin: expected an array \(4, 6, s, 6\); found shape \(3, 6, 3, 6\)"),
            ({"operators": {"SS": spin[..., :5]}}, r"SS: expected an array \(4, 6, a.., 6\)"),
            ({"metric": metric[:5]}, "metric: expected 6 signs ±1"),
            ({"metric": 2 * metric}, "metric: expected 6 signs ±1"),
            ({"metric": None}, "velocity: expected a Hermitian matrix; found elements that differ"),
            ({"operators": {SPIN: metric[:, None, None] * spin}}, "spin: expected a pseudo-Hermitian matrix, X_mn"),
            ({"velocity_derivative": velocity}, r"velocity_derivative: expected an array \(4, 6, 3, 3, 6\)"),
            ({"subspace": spin[:, :, :1]}, "subspace: expected an array"),
            ({"eigenvectors": energies}, r"eigenvectors: expected an array \(4, i, 6\)"),
        ):
            arguments = {"energies": energies, "velocity": velocity, "operators": operators, "metric": metric} | change
            with pytest.raises(InputError, match=message):
                ArrayBatch(**arguments)
