"""Compiled kernels against NumPy: eigenproblems, rotations, geometry, whatever the number of k points in the last vector."""

import os
import sys

import numpy as np
import pytest
from processes import start

import wb_conserved
from wb_conserved import InputError, compiled, geometry
from wb_conserved.compiled import geometry as kernels
from wb_conserved.compiled import rotation
from wb_conserved.compiled.lanes import LANES
from wb_conserved.interpolation import eigen
from wb_conserved.interpolation.eigen import eigh, eigvalsh, packed

generator = np.random.default_rng(0)


def hermitian(k, n):
    matrix = generator.normal(size=(k, n, n)) + 1j * generator.normal(size=(k, n, n))
    return matrix + matrix.conj().swapaxes(1, 2)


def rotated(diagonal):
    """Hermitian matrices (k, n, n) with given eigenvalues (k, n)."""
    vectors = np.linalg.qr(hermitian(*diagonal.shape))[0]
    matrix = vectors @ (diagonal[:, :, None] * vectors.conj().swapaxes(1, 2))
    return 0.5 * (matrix + matrix.conj().swapaxes(1, 2))


def blocks(k, sizes):
    """Block-diagonal matrices, whose tridiagonal form falls apart."""
    matrix = np.zeros((k, sum(sizes), sum(sizes)), dtype=complex)
    for first, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        matrix[:, first : first + size, first : first + size] = hermitian(k, size)
    return matrix


MATRICES = {
    "one": hermitian(9, 1),
    "two": hermitian(17, 2),
    "three": hermitian(7, 3),
    "eighteen": hermitian(100, 18),
    "one k point": hermitian(1, 12),
    "at the limit": hermitian(3, 144),
    "beyond the limit": hermitian(2, 145),
    "real": hermitian(5, 6).real + 0j,
    "imaginary": 1j * hermitian(5, 6).imag,
    "zero": np.zeros((3, 5, 5), dtype=complex),
    "identity": np.broadcast_to(np.eye(6) + 0j, (8, 6, 6)),
    "diagonal": generator.normal(size=(8, 6, 1)) * np.eye(6) + 0j,
    "descending": np.broadcast_to(np.diag(np.arange(7.0)[::-1]) + 0j, (3, 7, 7)),
    "Kramers pairs": rotated(np.repeat(generator.normal(size=(20, 9)), 2, axis=1)),
    "one level": rotated(np.full((9, 12), 3.0)),
    "two levels": rotated(np.repeat([[-1.0, 1.0]], 8, axis=0).repeat(7, axis=1)),
    "clusters": rotated(np.round(generator.normal(size=(9, 16)), 1) + 1e-12 * generator.normal(size=(9, 16))),
    "blocks": blocks(11, (1, 2, 5, 1, 4)),
    "spin up and down": np.kron(np.eye(2), hermitian(10, 1)[:, :1, :1] * hermitian(10, 7)),
    "graded": 10.0 ** -np.arange(12)[:, None] * hermitian(9, 12) * 10.0 ** -np.arange(12),
    "graded upwards": 10.0 ** np.arange(-12, 0)[:, None] * hermitian(9, 12) * 10.0 ** np.arange(-12, 0),
    "large": 1e9 * hermitian(9, 8),
    "small": 1e-9 * hermitian(9, 8),
    "squares underflow": np.array([1e-141, 1e-150, 1e-300])[:, None, None] * hermitian(3, 8),
    "with very small elements": blocks(9, (4, 4)) + 1e-155 * hermitian(9, 8),
    "Wilkinson's": np.array([np.diag(np.abs(np.arange(-10.0, 11))) + np.eye(21, k=1) + np.eye(21, k=-1) + 0j] * 8),
}


@pytest.mark.parametrize("name", MATRICES)
def test_eigenproblem(name):
    """Residual and loss of orthogonality are of the order of rounding, and eigenvalues are LAPACK's.

    What is smaller than 1e-140 counts as zero.
    """
    matrix = MATRICES[name]
    energies, vectors = eigh(packed(matrix))
    expected = np.linalg.eigvalsh(matrix)
    n, scale = matrix.shape[1], max(np.abs(expected).max(), 1e-120)
    tolerance = 20 * np.sqrt(n) * 2.0**-53
    assert np.all(np.diff(energies, axis=1) >= 0)
    np.testing.assert_allclose(energies, expected, rtol=0, atol=tolerance * scale)
    identity = vectors.conj().swapaxes(1, 2) @ vectors
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(n), identity.shape), rtol=0, atol=tolerance)
    residual = matrix @ vectors - vectors * energies[:, None, :]
    np.testing.assert_allclose(residual, 0, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(eigvalsh(packed(matrix)), energies, rtol=0, atol=tolerance * scale)
    assert vectors.flags.c_contiguous


def test_a_k_point_does_not_depend_on_its_neighbours():
    """To the last bit, in whatever lane and company, as results must not depend on the number of ranks."""
    real = packed(np.concatenate([hermitian(5, 10), rotated(np.repeat(generator.normal(size=(6, 5)), 2, axis=1))]))
    energies, vectors = eigh(real)
    order = generator.permutation(len(real))
    for other, found in ((order, eigh(real[order])), *((slice(i, i + 1), eigh(real[i : i + 1])) for i in range(len(real)))):
        np.testing.assert_array_equal(found[0], energies[other])
        np.testing.assert_array_equal(found[1], vectors[other])


def test_not_finite():
    matrix = packed(hermitian(9, 4))
    matrix[3, 1, 2] = np.nan
    with pytest.raises(np.linalg.LinAlgError):
        eigh(matrix)
    with pytest.raises(np.linalg.LinAlgError):
        eigvalsh(matrix)


def test_lapack_helps_where_the_kernel_does_not_converge(monkeypatch):
    matrix = hermitian(9, 4)

    def stuck(real, with_vectors):
        converged = np.full(9, True)
        converged[[2, 5]] = False
        return np.zeros((9, 4)), np.zeros((9, 4, 4), dtype=complex), converged

    monkeypatch.setattr(eigen, "_kernel", lambda: stuck)
    energies, vectors = eigh(packed(matrix))
    expected = np.linalg.eigvalsh(matrix)
    for found in (energies, eigvalsh(packed(matrix))):
        np.testing.assert_allclose(found[[2, 5]], expected[[2, 5]], atol=1e-13)
        assert np.all(found[[0, 1, 3, 4, 6, 7, 8]] == 0)
    np.testing.assert_allclose((matrix @ vectors)[2], vectors[2] * energies[2], atol=1e-13)


def test_the_switch(monkeypatch):
    assert compiled.useful(compiled.LARGEST)
    assert not compiled.useful(compiled.LARGEST + 1)
    assert "multiply-add" in compiled.description()
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "0")
    assert not compiled.enabled()
    assert compiled.description() == "no compiled kernels"
    assert not compiled.useful(4)
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "no")
    with pytest.raises(InputError, match="environment variable WB_CONSERVED_COMPILED: expected 0 or 1; found 'no'"):
        compiled.enabled()
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "")
    assert compiled.enabled()


def test_vectors_do_not_follow_the_host_where_the_user_names_a_processor():
    """Several kinds of host may then share Numba's cache, in which kernels of both lengths would have one name."""
    code = "from wb_conserved.compiled.lanes import LANES; print(LANES)"
    done = start([sys.executable, "-c", code], NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert done.stdout.split() == ["4"], done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_nothing_but_results_is_written_to_a_terminal():
    """Open MPI connects the output of its processes to pseudo-terminals, and Numba wrote a reset of colours there."""
    import pty
    import subprocess

    script = (
        "import wb_conserved\nfrom wb_conserved import models\nfrom wb_conserved.calculators import static\n"
        "kubo = static.KuboConservedSpinConductivity([0.0], degen_thresh=1e-4, kBT=0.1)\n"
        "wb_conserved.run(models.random_model(2), 2, {'kubo': kubo})\nprint('done')\n"
    )
    terminal, end = pty.openpty()
    done = subprocess.run([sys.executable, "-c", script], stdout=end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(end)
    assert done.returncode == 0, done.stderr
    assert os.read(terminal, 1000) == b"done\r\n"
    os.close(terminal)


def test_numpy_takes_over_where_numba_is_missing(monkeypatch, caplog):
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda name: None)
    compiled._numba.cache_clear()
    try:
        assert not compiled.enabled()
        assert "numba is not installed" in caplog.text
    finally:
        compiled._numba.cache_clear()


def vector(*axes, k, n):
    """Random Hermitian matrix (k, n, axes.., m)."""
    matrix = generator.normal(size=(k, n, *axes, n)) + 1j * generator.normal(size=(k, n, *axes, n))
    return matrix + np.moveaxis(matrix, (1, -1), (-1, 1)).conj()


def arranged(matrix):
    """Matrix (k, n, a.., m) in the layout of the kernels, (g, n, a.., m, 2, lanes)."""
    number = rotation.groups(len(matrix)) * LANES
    filled = np.concatenate([matrix, np.repeat(matrix[-1:], number - len(matrix), axis=0)])
    parts = np.stack([filled.real, filled.imag], axis=-1).reshape(-1, LANES, *matrix.shape[1:], 2)
    return np.ascontiguousarray(np.moveaxis(parts, 1, -1))


@pytest.mark.parametrize("k, n, axes", [(1, 1, ()), (9, 2, (3,)), (16, 5, ()), (7, 6, (3, 2)), (3, 13, (3,)), (2, 80, ())])
def test_rotation(k, n, axes):
    """X = U† X_W U, and back to a complex matrix."""
    wannier = vector(*axes, k=k, n=n)
    vectors = np.linalg.qr(hermitian(k, n))[0]
    expected = np.einsum("kin,ki...j,kjm->kn...m", vectors.conj(), wannier, vectors)
    found = rotation.rotated(packed(wannier), vectors, scale=0.5)
    assert found.shape == (rotation.groups(k), n, *axes, n, 2, LANES)
    np.testing.assert_allclose(rotation.matrix(found, k), 0.5 * expected, rtol=0, atol=1e-13 * n * np.abs(expected).max())
    np.testing.assert_array_equal(found, arranged(rotation.matrix(found, k)))  # the last vector is filled up


def test_velocity_and_diagonal_and_identity():
    k, n = 11, 6
    gradient, position, energies = vector(3, k=k, n=n), vector(3, k=k, n=n), generator.normal(size=(k, n))
    found = rotation.velocity(arranged(gradient), arranged(position), energies)  # in the place of its first argument
    difference = energies[:, :, None] - energies[:, None, :]
    expected = gradient + 1j * difference[:, :, None, :] * position
    np.testing.assert_allclose(rotation.matrix(found, k), expected, atol=1e-13)
    np.testing.assert_allclose(rotation.diagonal(found, k), geometry.diagonal(expected), atol=1e-13)
    identity = np.broadcast_to(np.eye(n)[:, None], (k, n, 1, n))
    np.testing.assert_array_equal(rotation.matrix(rotation.identity(k, n), k), identity)


@pytest.mark.parametrize("external_terms", [True, False])
@pytest.mark.parametrize("pairs", [True, False], ids=["Kramers", "single"])
@pytest.mark.parametrize("k, n, components", [(3, 1, 3), (1, 2, 3), (9, 5, 1), (16, 8, 3), (3, 7, 3), (5, 44, 3), (2, 60, 1)])
def test_geometry(k, n, components, pairs, external_terms):
    """The functions of `geometry` with the same names, multiplet by multiplet; several blocks of bands at 44 and 60."""
    energies = np.sort(generator.normal(size=(k, n)), axis=1)
    if pairs:
        energies[:, 1::2] = energies[:, : n - n % 2 : 2] + 1e-3
    multiplets = geometry.find_multiplets(energies, 2e-3)
    compiled_multiplets = kernels.find_multiplets(energies, 2e-3)
    for name in ("labels", "same", "size"):
        np.testing.assert_array_equal(getattr(compiled_multiplets, name), getattr(multiplets, name))
    np.testing.assert_allclose(compiled_multiplets.energies, multiplets.energies, rtol=0, atol=1e-15)
    velocity, operator = vector(3, k=k, n=n), vector(components, k=k, n=n)
    position, curl = vector(3, k=k, n=n), vector(3, k=k, n=n)
    gap, mean_gap = (geometry.inverse_gap(e, multiplets.same) for e in (energies, multiplets.energies))
    connection = geometry.interband_connection(velocity, gap)
    mean_velocity = geometry.multiplet_velocity(velocity, multiplets)
    current = geometry.operator_current(velocity, operator)
    subspace = -0.5j * curl - geometry.cyclic_products(position) if external_terms else None
    outside = [arranged(position), arranged(curl)] if external_terms else []
    arguments = arranged(velocity), arranged(operator), energies, multiplets.labels
    of_means = multiplets.energies, mean_velocity
    cases = {
        "operator_berry_curvature": ((velocity, current, gap), arguments),
        "operator_dipole": ((connection, operator), arguments),
        "berry_curvature_times_operator": (
            (connection, operator, multiplets.same, subspace), (*arguments, *outside)
        ),
        "kubo_conserved_sea": ((velocity, operator, connection, mean_gap, mean_velocity), (*arguments, *of_means)),
        "kubo_conserved_surface": ((velocity, operator, mean_gap, mean_velocity), (*arguments, *of_means)),
    }  # fmt: skip
    for name, (plain, vectors) in cases.items():
        expected, found = getattr(geometry, name)(*plain), getattr(kernels, name)(*vectors)
        assert found.shape == expected.shape
        if name == "operator_dipole":
            product = found[:, :, :, None, :] * mean_velocity[:, :, None, :, None]
            np.testing.assert_allclose(kernels.dipole_velocity(*arguments, mean_velocity), product, rtol=1e-14)
        expected, found = (
            np.einsum("knm,km...->kn...", multiplets.same.astype(float), values) for values in (expected, found)
        )
        assert np.any(expected != 0) or n == 1 or (n == 2 and pairs), name
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max(), err_msg=name)


def test_operators_of_two_components_are_refused():
    """They are no observables of rank 0 or 1, and rows are taken by one or three."""
    velocity, operator, energies = arranged(vector(3, k=1, n=4)), arranged(vector(2, k=1, n=4)), np.arange(4.0)[None]
    labels = np.arange(4)[None]
    for call in (
        lambda: kernels.operator_berry_curvature(velocity, operator, energies, labels),
        lambda: kernels.kubo_conserved_sea(velocity, operator, energies, labels, energies, np.zeros((1, 4, 3))),
    ):
        with pytest.raises(ValueError, match="operator: expected one or three components, found 2"):
            call()


@pytest.mark.parametrize("threshold, kramers", [(0.0, False), (0.3, False), (0.1, True), (1e9, False)])
def test_multiplets(threshold, kramers):
    energies = np.sort(np.concatenate([generator.normal(size=(7, 6)), np.ones((7, 2))], axis=1), axis=1)
    expected, found = (module.find_multiplets(energies, threshold, kramers) for module in (geometry, kernels))
    for name in ("labels", "same", "size"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match="kramers: expected an even number of bands, found 5"):
        kernels.find_multiplets(energies[:, :5], threshold, True)


def test_results_are_those_of_numpy(platinum, monkeypatch):
    """Every static conductivity of platinum, with compiled kernels and without."""
    from wb_conserved.calculators import static

    options = {"Efermi": [17.0, 18.0874], "kBT": 0.1, "degen_thresh": 0.01}
    calculators = {
        "conventional": static.ConventionalSpinConductivity(**options),
        "conserved": static.ConservedSpinConductivity(**options),
        "Kubo": static.KuboConservedSpinConductivity(**options),
    }
    found = wb_conserved.run(platinum, 4, calculators).results
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "0")
    expected = wb_conserved.run(platinum, 4, calculators).results
    for name, result in found.items():
        scale = np.abs(expected[name].data).max()
        np.testing.assert_allclose(result.data, expected[name].data, rtol=0, atol=1e-8 * scale)
