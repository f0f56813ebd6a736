"""Band geometry on arrays of another library: array-api-strict has nothing but the array API standard.

On its second device, which stands for an accelerator, arrays turn into NumPy ones only by an error, so that no detour over
NumPy remains unseen, and arrays that a function makes must be made on the device of its arguments.
"""

from types import SimpleNamespace

import array_api_strict as strict
import numpy as np
import pytest

from wb_conserved import geometry

CPU, ACCELERATOR = strict.Device("CPU_DEVICE"), strict.Device("device1")
K, N, S = 3, 6, 3  # k points, bands, components of the observable


def hermitian(generator, *axes):
    """Random matrix (k, n, axes.., m), Hermitian."""
    matrix = generator.normal(size=(K, N, *axes, N)) + 1j * generator.normal(size=(K, N, *axes, N))
    return matrix + np.moveaxis(matrix, (1, -1), (-1, 1)).conj()


def random_arguments():
    """Arguments of all functions, by the names that their docstrings use, as NumPy arrays."""
    generator = np.random.default_rng(0)
    energies = np.sort(generator.normal(size=(K, N)), axis=1)
    energies[:, 1] = energies[:, 0]
    multiplets = geometry.find_multiplets(energies, 1e-6)
    assert np.all(multiplets.labels[:, :3] == [0, 0, 1])
    gap = geometry.inverse_gap(energies, multiplets.same)
    velocity, operator = hermitian(generator, 3), hermitian(generator, S)
    connection = geometry.interband_connection(velocity, gap)
    return SimpleNamespace(
        energies=energies,
        same=multiplets.same,
        gap=gap,
        velocity=velocity,
        velocity_derivative=hermitian(generator, 3, 3),
        operator=operator,
        connection=connection,
        current=hermitian(generator, 3, S),
        curvature=hermitian(generator, 3),
        gradient=hermitian(generator, 3, 3),
        torque=hermitian(generator, S),
        torque_derivative=hermitian(generator, 3, S),
        mean_velocity=generator.normal(size=(K, N, 3)),
        frequencies=np.array([0.1 + 0.2j, -0.4 + 0.1j]),
        per_band=generator.normal(size=(K, N)),
        tensor=generator.normal(size=(K, N, 3, 3, S)),
        tensors=generator.normal(size=(3, K, N, 3, 3, S)),
    )


def multiplets_of(a):
    """Every field, with Kramers pairs and without, and means over multiplets."""
    results = []
    for kramers in (False, True):
        groups = geometry.find_multiplets(a.energies, 0.3, kramers)
        results += [groups.labels, groups.same, groups.size, groups.energies]
        results += [groups.mean(a.per_band), groups.mean(a.mean_velocity)]
    return results


def dynamic(function):
    """A function of factors at frequencies, for both parts."""

    def results(a):
        factors = [geometry.frequency_factors(a.energies, a.same, a.frequencies, part) for part in ("even", "odd")]
        return [array for part, of_part in zip(("even", "odd"), factors, strict=True) for array in function(a, of_part, part)]

    return results


CASES = {
    "Multiplets": multiplets_of,
    "accumulation_in_gradient": lambda a: geometry.accumulation_in_gradient(a.connection, a.operator, a.velocity, a.same),
    "axial_vector": lambda a: geometry.axial_vector(a.tensor),
    "berry_curvature_times_operator": lambda a: [
        geometry.berry_curvature_times_operator(a.connection, a.operator, a.same),
        geometry.berry_curvature_times_operator(a.connection, a.operator, a.same, a.curvature),
    ],
    "block_product_trace": lambda a: geometry.block_product_trace(a.velocity, a.operator),
    "cyclic_products": lambda a: geometry.cyclic_products(a.connection),
    "connection_derivative": lambda a: geometry.connection_derivative(
        a.connection, a.velocity, a.velocity_derivative, a.gap, a.same
    ),
    "covariant_derivative": lambda a: [
        geometry.covariant_derivative(a.connection, a.operator),
        geometry.covariant_derivative(a.connection, a.velocity, a.velocity_derivative),
    ],
    "current_dipole": lambda a: geometry.current_dipole(a.connection, a.current),
    "curvature_of_currents": lambda a: geometry.curvature_of_currents(a.current, a.gap),
    "diagonal": lambda a: [geometry.diagonal(a.operator), geometry.diagonal(a.current)],
    "dipole_derivative": lambda a: geometry.dipole_derivative(a.connection, a.gradient, a.operator),
    "dipole_times_velocity": lambda a: geometry.dipole_times_velocity(a.connection, a.operator, a.velocity, a.same),
    "dynamic_curvature": dynamic(lambda a, f, part: [geometry.dynamic_curvature(a.velocity, a.current, f[2], part)]),
    "dynamic_kubo": dynamic(
        lambda a, f, part: geometry.dynamic_kubo(a.velocity, a.operator, a.connection, a.mean_velocity, f[:2], part)
    ),
    "find_multiplets": multiplets_of,
    "frequency_factors": dynamic(lambda a, f, part: f),
    "inside": lambda a: [geometry.inside(a.operator, a.same), geometry.inside(a.current, a.same)],
    "interband_connection": lambda a: geometry.interband_connection(a.velocity, a.gap),
    "inverse_gap": lambda a: geometry.inverse_gap(a.energies, a.same),
    "kubo_conserved_sea": lambda a: geometry.kubo_conserved_sea(
        a.velocity, a.operator, a.connection, a.gap, a.mean_velocity
    ),
    "kubo_conserved_surface": lambda a: geometry.kubo_conserved_surface(a.velocity, a.operator, a.gap, a.mean_velocity),
    "multiplet_velocity": lambda a: geometry.multiplet_velocity(a.velocity, geometry.find_multiplets(a.energies, 0.3)),
    "operator_berry_curvature": lambda a: geometry.operator_berry_curvature(a.velocity, a.current, a.gap),
    "operator_current": lambda a: geometry.operator_current(a.velocity, a.operator),
    "operator_dipole": lambda a: geometry.operator_dipole(a.connection, a.operator),
    "orbital_moment": lambda a: geometry.orbital_moment(a.connection, a.current, a.operator, a.velocity, a.same),
    "outside_moment": lambda a: geometry.outside_moment(a.energies, a.connection, a.velocity, a.velocity, a.velocity),
    "proper_curvature": lambda a: geometry.proper_curvature(a.connection, a.operator, a.same),
    "qiao_current": lambda a: geometry.qiao_current(
        a.energies, a.velocity, a.operator, a.current, a.torque, a.torque_derivative
    ),
    "ryoo_current": lambda a: geometry.ryoo_current(a.energies, a.velocity, a.operator, a.current, a.torque_derivative),
    "torque": lambda a: geometry.torque(a.energies, a.operator),
    "torque_berry_curvature": lambda a: geometry.torque_berry_curvature(a.velocity, a.torque, a.gap),
    "torque_derivative": lambda a: geometry.torque_derivative(a.velocity, a.operator),
    "torque_dipole": lambda a: geometry.torque_dipole(a.connection, a.torque),
    "torque_dipole_polarizability": lambda a: geometry.torque_dipole_polarizability(
        a.tensors[0, ...], a.tensors[1, ...], a.tensors[2, ...]
    ),
    "torque_quadrupole": lambda a: geometry.torque_quadrupole(a.connection, a.torque, a.torque_derivative),
}


def check(function, device):
    """Compare a function on strict arrays with itself on NumPy ones: types, device, dtypes and numbers."""
    arguments = random_arguments()
    expected = function(arguments)
    found = function(SimpleNamespace(**{k: strict.asarray(v, device=device) for k, v in vars(arguments).items()}))
    if not isinstance(expected, list):
        expected, found = [expected], [found]
    assert len(found) == len(expected) > 0
    for left, right in zip(found, expected, strict=True):
        assert type(left) is type(strict.asarray(0.0))
        assert left.device == device
        left = np.asarray(left.to_device(CPU))
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        assert np.any(right != 0)
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-10)


@pytest.fixture(autouse=True)
def nothing_whose_shape_depends_on_data():
    """Boolean indexing and the like, which not all libraries have, are errors."""
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        yield


@pytest.mark.parametrize("name", geometry.__all__)
def test_public_functions_use_the_array_api_alone(name):
    assert name in CASES, f"{name} is a public function of wb_conserved.geometry without a case here"
    check(CASES[name], CPU)


# they make arrays (eye, zeros, arange) without device=, which lie on the default one: remove a name when it does not
ON_DEFAULT_DEVICE = set()


@pytest.mark.parametrize("name", geometry.__all__)
def test_public_functions_stay_on_the_device_of_their_arguments(name):
    if name in ON_DEFAULT_DEVICE:
        with pytest.raises(ValueError, match="device"):
            check(CASES[name], ACCELERATOR)
    else:
        check(CASES[name], ACCELERATOR)


@pytest.mark.parametrize("device", [CPU, ACCELERATOR], ids=["cpu", "accelerator"])
@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.moveaxis(a.operator, 1, 2),
        lambda a: a.operator.swapaxes(1, 2),
        lambda a: a.operator.sum(axis=1),
        lambda a: np.einsum("knsm,knm->kns", a.operator, a.gap),
        lambda a: a.operator * a.same[:, :, None, :],
        lambda a: a.operator @ np.eye(N),
    ],
)
def test_what_only_numpy_has_is_caught(function, device):
    """NumPy's functions, methods and arrays, and products of numbers with truth values."""
    with pytest.raises((AttributeError, TypeError, RuntimeError, AssertionError)):
        check(function, device)


def test_arrays_made_on_another_device_are_caught():
    with pytest.raises(ValueError, match="different devices"):
        check(lambda a: a.gap * a.gap.__array_namespace__().eye(N), ACCELERATOR)
