"""Observables: their matrices, what they declare, and that those which symmetry may exchange need the full mesh."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import wannierberri
from wannierberri.calculators.tabulate import TabulatorAll
from wannierberri.symmetry.point_symmetry import transform_ident, transform_odd

import wb_conserved
from wb_conserved.calculators import static, tabulate
from wb_conserved.io import InputError
from wb_conserved.models import random_model, rashba_gas, rashba_lattice
from wb_conserved.models.kp import PAULI
from wb_conserved.operators import (
    CHARGE,
    IDENTITY,
    SPIN,
    RealSpaceMatrix,
    get_operator,
    matrix_operator,
    r_space_operator,
)

ROOT = Path(__file__).parents[1]
SCAN = np.array([0.1, 0.4])
KINDS = {
    "conventional": static.ConventionalSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "kubo": static.KuboConservedSpinConductivity,
}


def conductivities(system, mesh, operator, kBT=0.1, **options):
    """Results of the three definitions by name."""
    calculators = {name: kind(SCAN, kBT=kBT, operator=operator) for name, kind in KINDS.items()}
    return {name: value.data for name, value in wb_conserved.run(system, mesh, calculators, **options).results.items()}


def assert_same(first, second, relative=1e-12):
    for name in first:
        assert first[name].shape == second[name].shape
        scale = np.abs(second[name]).max()
        np.testing.assert_allclose(first[name], second[name], atol=relative * scale, rtol=0, err_msg=name)


def spin_of(system):
    """σ/2 of a model, whose spin matrices are those of R = 0."""
    return 0.5 * system.get_R_mat("SS")[system.rvec.iR0]


# names


def test_names():
    assert get_operator("spin") is SPIN
    assert get_operator("identity") is IDENTITY and get_operator("charge") is CHARGE
    assert CHARGE.is_identity  # of electrons
    assert get_operator(SPIN) is SPIN
    with pytest.raises(ValueError, match="operator: expected one of .*'charge', .*'identity', .*'spin', .*found 'layer'"):
        get_operator("layer")
    with pytest.raises(TypeError, match="a matrix: matrix_operator.*found ndarray"):
        static.ConventionalSpinConductivity(SCAN, operator=np.eye(2))


def test_operators_are_equal_by_content_and_survive_pickling():
    one, two = (matrix_operator(np.diag([1, -1]), odd_under_time_reversal=False) for _ in range(2))
    other = matrix_operator(np.diag([1, 1]), odd_under_time_reversal=False)
    assert one == two and hash(one) == hash(two) and one != other
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301
    assert pickle.loads(pickle.dumps(SPIN)) == SPIN  # noqa: S301


# matrices


def test_spin_as_a_matrix_is_spin():
    system = random_model(seed=2)
    spin = matrix_operator(spin_of(system), odd_under_time_reversal=True, name="spin matrix", unit="ħ")
    assert spin.rank == 1
    assert_same(conductivities(system, 5, spin), conductivities(system, 5, "spin"))


def test_identity_as_a_matrix_is_the_identity():
    system = random_model(seed=2)
    identity = matrix_operator(np.eye(6), odd_under_time_reversal=False)
    assert identity.rank == 0
    assert_same(conductivities(system, 5, identity), conductivities(system, 5, "charge"))


def test_matrix_on_a_kp_system():
    spin = matrix_operator(np.moveaxis(PAULI, 0, -1) / 2, odd_under_time_reversal=True)
    assert_same(conductivities(rashba_gas(), [20, 20, 1], spin), conductivities(rashba_gas(), [20, 20, 1], "spin"))
    vectors, blocks = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]]), np.stack([np.eye(2)] * 3)
    moving = r_space_operator((vectors, blocks), odd_under_time_reversal=False)
    with pytest.raises(ValueError, match="matrix at R = 0 only for a system without R vectors, found 3"):
        conductivities(rashba_gas(), [4, 4, 1], moving)


def test_unit_and_axes_of_results():
    system = random_model(seed=2)
    magnetic = matrix_operator(spin_of(system), odd_under_time_reversal=True, unit="μ_B")
    calculators = {
        "vector": static.ConventionalSpinConductivity(SCAN, operator=magnetic),
        "scalar": static.ConventionalSpinConductivity(
            SCAN, operator=matrix_operator(np.eye(6), odd_under_time_reversal=False)
        ),
    }
    dataset = wb_conserved.run(system, 2, calculators).to_dataset()
    assert dataset["vector"].dims == ("Efermi", "i", "l", "s") and dataset["scalar"].dims == ("Efermi", "i", "l")
    assert dataset["vector"].attrs["units"] == "(μ_B/|e|) S/cm" and dataset["scalar"].attrs["units"] == "(1/|e|) S/cm"
    assert dataset["vector"].attrs["operator"] == "matrix"


@pytest.mark.parametrize("odd_under_time_reversal", [True, False])
@pytest.mark.parametrize("odd_under_inversion", [True, False])
def test_declared_parities_reach_the_results(odd_under_time_reversal, odd_under_inversion):
    operator = matrix_operator(
        np.eye(2), odd_under_time_reversal=odd_under_time_reversal, odd_under_inversion=odd_under_inversion
    )
    calculator = static.ConservedSpinConductivity(SCAN, operator=operator)
    assert calculator.transform_time_reversal == (transform_ident if odd_under_time_reversal else transform_odd)
    assert calculator.transform_inversion == (transform_odd if odd_under_inversion else transform_ident)
    dipole = tabulate.OperatorDipole(operator=operator)
    assert dipole.transform_inversion == (transform_ident if odd_under_inversion else transform_odd)


@pytest.mark.parametrize(
    "matrix, message",
    [
        (np.ones((2, 3)), r"matrix: expected a matrix of shape \(n, n\) or \(n, n, 3\); found shape \(2, 3\)"),
        (np.ones((2, 2, 2)), "found shape"),
        (
            [[0, 1], [2, 0]],
            r"a Hermitian matrix.*found a difference of 1.000e\+00 at R = \(0, 0, 0\), element \(1, 2\)",
        ),
        ([[0, np.nan], [np.nan, 0]], "matrix: expected finite numbers; found 2 that are NaN or infinite"),
        ([["a", "b"], ["c", "d"]], "matrix: expected an array of numbers"),
    ],
)
def test_bad_matrices_are_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        matrix_operator(matrix, odd_under_time_reversal=False)


def test_declarations_are_checked():
    with pytest.raises(InputError, match="odd_under_time_reversal: expected True or False; found 'odd'"):
        matrix_operator(np.eye(2), odd_under_time_reversal="odd")
    with pytest.raises(TypeError, match="odd_under_time_reversal"):
        matrix_operator(np.eye(2))


def test_a_matrix_of_another_size_is_refused():
    operator = matrix_operator(np.eye(4), odd_under_time_reversal=False)
    with pytest.raises(ValueError, match="operator: expected a matrix between the 6 functions .* found one between 4"):
        conductivities(random_model(), 2, operator)


# R-space matrices


@pytest.mark.parametrize("mesh", [3, (2, 2, 8)])
def test_spin_of_platinum_from_a_file_is_spin(platinum, mesh, tmp_path):
    """Single points and lines of the mesh; through both drivers."""
    path = tmp_path / "spin.npz"
    np.savez(path, iRvec=platinum.rvec.iRvec, matrix=0.5 * platinum.get_R_mat("SS"))
    operator = r_space_operator(path, odd_under_time_reversal=True, unit="ħ")
    assert operator.name == "spin" and operator.rank == 1
    calculators = {
        name: static.KuboConservedSpinConductivity([18.1], kBT=0.1, operator=s)
        for name, s in (("file", operator), ("spin", "spin"))
    }
    options = dict(use_irred_kpt=False, symmetrize=False)
    results = wb_conserved.run(platinum, mesh, calculators, **options).results
    expected = results["spin"].data
    np.testing.assert_allclose(results["file"].data, expected, atol=1e-10 * np.abs(expected).max())
    if mesh == 3:
        grid = wb_conserved.regular_grid(platinum, mesh)
        theirs = wannierberri.run(
            platinum, grid, calculators, parallel=False, fout_name=str(tmp_path / "result"), **options
        ).results
        np.testing.assert_allclose(theirs["file"].data, expected, atol=1e-10 * np.abs(expected).max())


def test_declared_symmetric_on_a_reduced_mesh():
    """A spin matrix on the Rashba lattice, declared to be an axial vector."""
    system = rashba_lattice()
    spin = matrix_operator(spin_of(system), odd_under_time_reversal=True, symmetric=True)
    full = conductivities(system, 12, "spin")
    system.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])
    assert_same(conductivities(system, 12, spin), full, 1e-9)


def test_hamiltonian_file_as_an_operator(tmp_path):
    """s = H from _hr.dat: no torque; its conductivities are those of the energy current.  R vectors in another order and
    more than the system has."""
    system = random_model(seed=1)
    vectors, matrix = system.rvec.iRvec, system.get_R_mat("Ham")
    order = np.random.default_rng(0).permutation(len(vectors))
    vectors = np.concatenate([vectors[order], [[3, 0, 0], [-3, 0, 0]]])
    matrix = np.concatenate([matrix[order], np.zeros((2, 6, 6))])
    path = tmp_path / "model_hr.dat"
    with open(path, "w") as file:
        file.write(f"test\n6\n{len(vectors)}\n" + "\n".join("1" for _ in vectors) + "\n")
        for R, block in zip(vectors, matrix, strict=True):
            for n, m in np.ndindex(6, 6):
                file.write(
                    "{} {} {} {} {} {:.12f} {:.12f}\n".format(*R, m + 1, n + 1, block[m, n].real, block[m, n].imag)
                )
    from_file = r_space_operator(path, odd_under_time_reversal=False)
    assert from_file.name == "model_hr" and from_file.rank == 0
    arrays = r_space_operator((system.rvec.iRvec, system.get_R_mat("Ham")), odd_under_time_reversal=False)
    results = conductivities(system, 4, from_file)
    assert_same(results, conductivities(system, 4, arrays), 1e-9)
    axis = np.linspace(0, 1, 5, endpoint=False)
    kpoints = np.stack([axis, 0.3 + 0 * axis, axis**2], axis=1)
    expected = np.tensordot(np.exp(2j * np.pi * kpoints @ system.rvec.iRvec.T), system.get_R_mat("Ham"), axes=1)
    np.testing.assert_allclose(from_file.matrix.interpolate(kpoints)[:, :, 0], expected, atol=1e-10)
    torque = tabulate.TorqueDipole(operator=from_file)
    data_K = wannierberri.data_K.get_data_k_class_from_system(system)(
        system, k_list=kpoints, grid=wannierberri.Grid(system, NK=1, NKFFT=1)
    )
    np.testing.assert_allclose(torque(data_K).data, 0, atol=1e-8)


def files(tmp_path):
    """Good arrays and a function that writes them to a file."""
    vectors = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    hop = np.array([[0, 1j], [0.5, 0]])
    matrix = np.stack([np.eye(2), hop, hop.conj().T])

    def write(**arrays):
        np.savez(tmp_path / "x.npz", **({"iRvec": vectors, "matrix": matrix} | arrays))
        return tmp_path / "x.npz"

    return vectors, matrix, write


def test_bad_r_space_matrices_are_refused(tmp_path):
    vectors, matrix, write = files(tmp_path)
    r_space_operator(write(), odd_under_time_reversal=False)
    cases = [
        (write, dict(matrix=matrix[:2]), "'matrix' of shape .* with R = 3; found shape"),
        (write, dict(iRvec=vectors[:, :2]), r"integers 'iRvec' of shape \(R, 3\)"),
        (write, dict(iRvec=vectors + 0.5), r"integers 'iRvec'"),
        (write, dict(iRvec=np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]])), r"-R = \(-1, 0, 0\) for R = \(1, 0, 0\)"),
        (write, dict(iRvec=np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0]])), "each R vector once"),
        (write, dict(matrix=matrix + 1j), "a Hermitian matrix"),
        (write, dict(matrix=matrix * np.nan), "finite numbers"),
        (write, dict(matrix=np.array([object()] * 3)), "npz"),
    ]
    for writer, arrays, message in cases:
        with pytest.raises(InputError, match=message):
            r_space_operator(writer(**arrays), odd_under_time_reversal=False)
    np.savez(tmp_path / "y.npz", R=vectors)
    with pytest.raises(InputError, match="arrays 'iRvec' and 'matrix'; found \\['R'\\]"):
        r_space_operator(tmp_path / "y.npz", odd_under_time_reversal=False)
    with pytest.raises(InputError, match="nothing.npz: expected"):
        r_space_operator(tmp_path / "nothing.npz", odd_under_time_reversal=False)
    with pytest.raises(InputError, match="nothing_hr.dat: expected a readable file"):
        r_space_operator(tmp_path / "nothing_hr.dat", odd_under_time_reversal=False)
    with pytest.raises(InputError, match=r"a path, or the pair \(iRvec, matrix\); found ndarray"):
        r_space_operator(matrix, odd_under_time_reversal=False)


def test_real_space_matrices_are_made_hermitian():
    vectors = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    generator = np.random.default_rng(3)
    matrix = RealSpaceMatrix(vectors, generator.normal(size=(3, 2, 2, 1)) + 1j * generator.normal(size=(3, 2, 2, 1)))
    at_k = matrix.interpolate(generator.normal(size=(4, 3)))[:, :, 0]
    np.testing.assert_allclose(at_k, at_k.conj().swapaxes(1, 2), atol=1e-14)


# symmetry


def symmetric_system():
    system = rashba_lattice()
    system.set_pointgroup(symmetry_gen=["C4z"])  # proper rotations only: no parity is ever asked for
    return system


def exchanged():
    return matrix_operator(np.diag([1, -1]), odd_under_time_reversal=False)


@pytest.mark.parametrize("options", [{}, dict(use_irred_kpt=False), dict(symmetrize=False)])
def test_exchanged_operators_are_refused_on_reduced_meshes(options, tmp_path):
    calculator = static.ConventionalSpinConductivity(SCAN, operator=exchanged())
    system = symmetric_system()
    with pytest.raises(
        ValueError, match=r"calculators\['x'\]: expected the full k mesh .* operator matrix.*use_irred_kpt=False"
    ):
        wb_conserved.run(system, 4, {"x": calculator}, **options)
    with pytest.raises(ValueError, match="use_irred_kpt, symmetrize: expected False .* found a symmetrised run"):
        wannierberri.run(
            system,
            wb_conserved.regular_grid(system, 4),
            {"x": calculator},
            parallel=False,
            fout_name=str(tmp_path / "result"),
            **options,
        )


def test_exchanged_operators_run_on_the_full_mesh(tmp_path):
    system = symmetric_system()
    expected = conductivities(rashba_lattice(), 4, exchanged())
    options = dict(use_irred_kpt=False, symmetrize=False)
    assert_same(conductivities(system, 4, exchanged(), **options), expected)
    calculators = {name: kind(SCAN, kBT=0.1, operator=exchanged()) for name, kind in KINDS.items()}
    grid = wb_conserved.regular_grid(system, 4)
    theirs = wannierberri.run(
        system, grid, calculators, parallel=False, fout_name=str(tmp_path / "result"), **options
    ).results
    assert_same({name: value.data for name, value in theirs.items()}, expected, 1e-10)
    # and without symmetry in WannierBerri's default mode, files included
    system = rashba_lattice()
    theirs = wannierberri.run(
        system, wb_conserved.regular_grid(system, 4), calculators, parallel=False, fout_name=str(tmp_path / "plain")
    ).results
    assert_same({name: value.data for name, value in theirs.items()}, expected, 1e-10)


def test_tabulated_exchanged_operators_are_refused_too(tmp_path):
    system = symmetric_system()

    def tabulator(mode):
        return {"tab": TabulatorAll({"s": tabulate.Expectation(operator=exchanged())}, mode=mode)}

    with pytest.raises(ValueError, match=r"calculators\['tab'\]: expected the full k mesh"):
        wb_conserved.run(system, 4, tabulator("grid"))
    grid = wb_conserved.regular_grid(system, 4)
    with pytest.raises(ValueError, match="use_irred_kpt, symmetrize: expected False"):
        wannierberri.run(system, grid, tabulator("grid"), parallel=False, fout_name=str(tmp_path / "result"))
    full = wb_conserved.run(system, 4, tabulator("grid"), use_irred_kpt=False, symmetrize=False)
    assert full.results["tab"].results["s"].data.shape == (16, 2)
    path = wannierberri.Path(system, k_list=[[0, 0, 0], [0.1, 0.2, 0], [0.3, 0.4, 0]])
    along = wb_conserved.run(system, path, tabulator("path")).results["tab"].results["s"].data
    np.testing.assert_allclose(along, 0, atol=1e-12)  # σ_z of the Rashba model
