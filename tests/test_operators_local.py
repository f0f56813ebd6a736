"""Layers, sublattices and orbital angular momentum as observables, and the tutorials about them."""

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from test_operators import assert_same, conductivities

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.io import InputError
from wb_conserved.models import kane_mele, lattice_system, rashba_gas
from wb_conserved.models.kp import PAULI
from wb_conserved.operators import layer, matrix_operator, orbital_angular_momentum, sublattice
from wb_conserved.operators.angular_momentum import shell_angular_momentum

ROOT = Path(__file__).parents[1]


def diagonal_of(operator):
    return np.diag(operator.matrix.matrix[0, :, :, 0]).real.tolist()


# layers and sublattices


def bilayer(heights=(-1.0, 1.0, 1.0), c=10.0, periodic=False):
    hops = {(0, 0, 0): np.diag([0.0, 1.0, 2.0]), (1, 0, 0): np.eye(3)}
    centers = np.array([[0.0, 0.0, z] for z in heights])
    return lattice_system(np.diag([1.0, 1.0, c]), hops, centers=centers, periodic=(True, True, periodic))


def test_layer_by_height_and_by_index():
    assert diagonal_of(layer(bilayer(), z_cut=0.0)) == [-1, 1, 1]
    assert diagonal_of(layer(bilayer(), upper=[1], lower=[0])) == [-1, 1, 0]
    positions = [[0, 0, -0.1], [0, 0, 0.1]]
    assert diagonal_of(layer(bilayer(), upper=[1], lower=[0], atom_positions=positions)) == [-1, 1, 1]
    operator = layer(bilayer(), z_cut=0.0)
    assert (operator.rank, operator.odd_under_time_reversal, operator.symmetric, operator.unit) == (0, False, False, "")
    # a copy of the upper layer one lattice vector further is the upper layer
    assert diagonal_of(layer(bilayer(heights=(-1.0, 1.0, -9.0)), z_cut=0.0)) == [-1, 1, 1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "layer: expected either z_cut, or upper and lower, found neither"),
        (dict(z_cut=0.0, upper=[0]), "found both"),
        (dict(z_cut=0.0, atom_positions=[[0, 0, 0]]), "atom_positions: expected none with z_cut"),
        (dict(z_cut=np.nan), "z_cut: expected a height"),
        (dict(z_cut=1.0), r"z_cut: .* found 1.0 Å, where Wannier functions \[1, 2\] lie"),
        (dict(z_cut=2.0), "z_cut: expected Wannier centres on both sides, found all 3 below 2.0 Å"),
        (dict(upper=[0]), "lower: expected indices of Wannier functions, found None"),
        (dict(upper=[0], lower=[]), "lower: expected indices"),
        (dict(upper=[3], lower=[0]), r"upper: expected indices from 0 to 2 of Wannier functions, found \[3\]"),
        (dict(upper=[-1], lower=[0]), "upper: expected indices from 0 to 2"),
        (dict(upper=[0, 1], lower=[1]), "lower: expected no Wannier functions of the other list"),
        (dict(upper=[0.5], lower=[1]), "upper: expected indices"),
        (dict(upper=[0], lower=[2], atom_positions=[[0, 0, 0]]), "lower: expected indices from 0 to 0 of atoms"),
        (dict(upper=[0], lower=[1], atom_positions=[0, 0, 0]), "atom_positions: expected reduced coordinates"),
        (
            dict(upper=[0], lower=[1], atom_positions=[[0, 0, 0], [0, 0, -0.2]]),
            r"atom_positions: .* function 0 between atoms \[0, 1\]",
        ),
        (
            dict(upper=[0], lower=[1], atom_positions=[[0, 0, 0], [0, 0, 0.5]]),
            "lower: expected atoms with Wannier functions, found none",
        ),
    ],
)
def test_bad_layers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(bilayer(), **arguments)


def test_sublattice():
    system = kane_mele()
    by_function = sublattice(system, plus=[0, 1], minus=[2, 3])
    assert by_function.name == "sublattice pseudospin"
    assert by_function == sublattice(system, plus=[0], minus=[1], atom_positions=[[0, 0, 0], [1 / 3, 1 / 3, 0]])
    # another copy of the atom, and functions of a third atom with s = 0
    assert by_function == sublattice(system, plus=[0], minus=[1], atom_positions=[[1, -1, 0], [-2 / 3, 1 / 3, 1]])
    with pytest.raises(ValueError, match="system: expected Wannier centres"):
        sublattice(rashba_gas(), plus=[0], minus=[1], atom_positions=[[0, 0, 0], [0.5, 0, 0]])
    assert_same(
        conductivities(system, 12, by_function),
        conductivities(system, 12, matrix_operator(np.diag([1, 1, -1, -1]), odd_under_time_reversal=False)),
    )


# orbital angular momentum


@pytest.mark.parametrize("l", [0, 1, 2, 3])
def test_algebra_of_angular_momentum(l):
    """[L_x, L_y] = i L_z, L² = l(l+1); imaginary and antisymmetric, since real functions carry no moment."""
    L = np.moveaxis(shell_angular_momentum(l), -1, 0)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.testing.assert_allclose(L[a] @ L[b] - L[b] @ L[a], 1j * L[c], atol=1e-13)
    np.testing.assert_allclose(sum(x @ x for x in L), l * (l + 1) * np.eye(2 * l + 1), atol=1e-13)
    np.testing.assert_allclose(L.real, 0, atol=1e-13)
    np.testing.assert_allclose(L, L.conj().swapaxes(1, 2), atol=1e-13)


# polynomials of Wannier90's user guide, tables 3.1 and 3.2, homogeneous in x, y, z and not normalised
HARMONICS = {
    1: [lambda x, y, z: z, lambda x, y, z: x, lambda x, y, z: y],
    2: [
        lambda x, y, z: 2 * z**2 - x**2 - y**2,
        lambda x, y, z: x * z,
        lambda x, y, z: y * z,
        lambda x, y, z: x**2 - y**2,
        lambda x, y, z: x * y,
    ],
    3: [
        lambda x, y, z: z * (2 * z**2 - 3 * x**2 - 3 * y**2),
        lambda x, y, z: x * (4 * z**2 - x**2 - y**2),
        lambda x, y, z: y * (4 * z**2 - x**2 - y**2),
        lambda x, y, z: z * (x**2 - y**2),
        lambda x, y, z: x * y * z,
        lambda x, y, z: x * (x**2 - 3 * y**2),
        lambda x, y, z: y * (3 * x**2 - y**2),
    ],
}


@pytest.mark.parametrize("l", [1, 2, 3])
def test_angular_momentum_in_the_order_of_wannier90(l):
    """<i|−i r×∇|j> of the polynomials, by quadrature on the sphere and central differences."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    z, phi = (values.ravel() for values in np.meshgrid(nodes, phi, indexing="ij"))
    points = np.array([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z])
    weights = np.repeat(weights, 16) * 2 * np.pi / 16
    norms = [1 / np.sqrt(weights @ f(*points) ** 2) for f in HARMONICS[l]]
    expected = np.zeros((2 * l + 1, 2 * l + 1, 3), dtype=complex)
    step = 1e-4
    for j, f in enumerate(HARMONICS[l]):
        gradient = [
            (f(*(points + step * e[:, None])) - f(*(points - step * e[:, None]))) / (2 * step) for e in np.eye(3)
        ]
        rotated = -1j * np.cross(points.T, np.array(gradient).T) * norms[j]
        for i, g in enumerate(HARMONICS[l]):
            expected[i, j] = (weights * g(*points) * norms[i]) @ rotated
    np.testing.assert_allclose(shell_angular_momentum(l), expected, atol=1e-6)


def test_shells_and_spin():
    p, d = shell_angular_momentum(1), shell_angular_momentum(2)
    operator = orbital_angular_momentum(["s", "p", "d"])
    matrix = operator.matrix.matrix[0]
    assert (operator.rank, operator.odd_under_time_reversal, operator.odd_under_inversion) == (1, True, False)
    assert operator.unit == "ħ" and operator.symmetric and matrix.shape == (9, 9, 3)
    np.testing.assert_allclose(matrix[1:4, 1:4], p, atol=1e-14)
    np.testing.assert_allclose(matrix[4:, 4:], d, atol=1e-14)
    assert np.count_nonzero(np.abs(matrix) > 1e-14) == np.count_nonzero(np.abs(p) > 1e-14) + np.count_nonzero(
        np.abs(d) > 1e-14
    )
    planar = orbital_angular_momentum([("px", "py")]).matrix.matrix[0]
    np.testing.assert_allclose(planar[..., 2], [[0, -1j], [1j, 0]], atol=1e-14)
    np.testing.assert_allclose(planar[..., :2], 0, atol=1e-14)
    for order, expected in (
        ("interlaced", np.einsum("ija,st->isjta", p, np.eye(2)).reshape(6, 6, 3)),
        ("block", np.einsum("ija,st->sitja", p, np.eye(2)).reshape(6, 6, 3)),
    ):
        np.testing.assert_allclose(
            orbital_angular_momentum(["p"], spin_order=order).matrix.matrix[0], expected, atol=1e-14
        )


@pytest.mark.parametrize("name", ["te/Te", "pt/Pt"])
def test_angular_momentum_from_projections(name):
    """s, p, d of platinum and s, p of tellurium, with spin: L commutes with spin, L² has the degeneracies of the shells."""
    L = np.moveaxis(orbital_angular_momentum(ROOT / "data" / f"{name}.nnkp").matrix.matrix[0], -1, 0)
    square = np.linalg.eigvalsh(sum(x @ x for x in L)).round(10)
    values, counts = np.unique(square, return_counts=True)
    assert dict(zip(values, counts, strict=True)) == ({0: 6, 2: 18} if "Te" in name else {0: 2, 2: 6, 6: 10})
    np.testing.assert_allclose(L[0] @ L[1] - L[1] @ L[0], 1j * L[2], atol=1e-12)
    spins = np.kron(np.eye(len(L[0]) // 2), PAULI[0])
    np.testing.assert_allclose(L @ spins, spins @ L, atol=1e-12)


def test_local_axes_of_projections_are_cartesian_in_the_result(tmp_path):
    """A p_z function along x is p_x: quantisation axis x, local x along y."""
    lines = ["begin projections", "3"]
    for m in (1, 2, 3):
        lines += [f"0.0 0.0 0.0  1 {m} 1", "1.0 0.0 0.0  0.0 1.0 0.0  1.0"]
    path = tmp_path / "turned.nnkp"
    path.write_text("\n".join([*lines, "end projections", ""]))
    turned = orbital_angular_momentum(path).matrix.matrix[0]
    # local pz, px, py are p_x, p_y, p_z: <p_b|L_a|p_c> = −i ε_abc
    expected = np.zeros((3, 3, 3), dtype=complex)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        expected[b, c, a], expected[c, b, a] = -1j, 1j
    np.testing.assert_allclose(turned, expected, atol=1e-14)


@pytest.mark.parametrize(
    "projections, options, message",
    [
        (["sp3d2-1"], {}, "the hybrid 'sp3d2-1'"),
        (["sp3"], {}, "the hybrid 'sp3'"),
        (["g"], {}, "projections: expected shells .* found 'g'"),
        ([("px", "dxy")], {}, "different functions of one shell"),
        ([("px", "px")], {}, "different functions of one shell"),
        ([3], {}, "projections: expected shells"),
        ([], {}, "one shell or more"),
        ("p", {}, "a sequence of shells or the path"),
        (["p"], dict(spin_order="up"), "spin_order: expected 'interlaced', 'block'"),
        (ROOT / "data" / "pt" / "Pt.nnkp", dict(spin_order="block"), "spin_order: expected none with a .nnkp file"),
        (ROOT / "data" / "fe" / "Fe.nnkp", {}, "Fe.nnkp, line 87: .* the hybrid 'sp3d2-1'"),
        ("nothing.nnkp", {}, "nothing.nnkp: expected a readable file"),
    ],
)
def test_bad_projections_are_refused(projections, options, message):
    with pytest.raises(InputError, match=message):
        orbital_angular_momentum(projections, **options)


def test_orbital_hall_conductivity_of_platinum(platinum):
    """Symmetry of an fcc crystal: σ^{ils} ∝ ε_ils, within the noise of the Wannier functions; L commutes with s = identity."""
    operator = orbital_angular_momentum(ROOT / "data" / "pt" / "Pt.nnkp")
    calculator = static.ConventionalSpinConductivity([18.1], kBT=0.2, operator=operator)
    sigma = wb_conserved.run(platinum, 6, {"x": calculator}).results["x"].data[0]
    values = [sigma[a, b, c] for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1))]
    assert min(values) > 100
    for one, two in pairwise(values):
        assert one == pytest.approx(two, rel=0.02)
    rest = sigma.copy()
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        assert rest[b, a, c] == pytest.approx(-rest[a, b, c], rel=0.02)
        rest[a, b, c] = rest[b, a, c] = 0
    assert np.abs(rest).max() < 0.02 * values[0]


# tutorials


@pytest.mark.parametrize("name", ["layer_hall", "orbital_hall"])
def test_tutorials_run(name, capsys):
    """The scripts check their limits and stop where one is off."""
    tutorial = runpy.run_path(str(ROOT / "tutorials" / name / f"{name}.py"))
    results = tutorial["main"]()
    text = capsys.readouterr().out
    assert "σ_K" in text and len(text.splitlines()) > 10
    if name == "layer_hall":
        assert results[0.5]["σ_K"] == pytest.approx(-1.8426, abs=2e-3)  # converged with the mesh
    else:
        cubic, honeycomb = results
        assert abs(cubic[0.5]["σ_conv"][0, 1, 2]) > 100
        assert honeycomb[0.0]["σ_K"][0, 1, 2] / tutorial["QUANTUM"] == pytest.approx(-2, abs=1e-3)
        differ = abs(honeycomb[0.4]["σ_K"] - honeycomb[0.4]["σ_conv"])[0, 1, 2] / tutorial["QUANTUM"]
        assert differ > 1e-2  # L_z is not conserved
