"""Input files reach every observable, models by name, and components by symmetry."""

import copy
import itertools

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.calculators.allowed import allowed_components
from wb_conserved.calculators.static import ConventionalSpinConductivity, DriftSpinConductivity
from wb_conserved.cli import main
from wb_conserved.errors import InputError
from wb_conserved.models import MODELS, kane_mele, rashba_gas, rashba_lattice
from wb_conserved.operators import layer, orbital_angular_momentum, projected_spin, r_space_operator, sublattice

REST = """
[grid]
mesh = {mesh}
[fermi]
level = {level}
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[output]
folder = "out"
plot = false
components = {components}
"""
LEVEL = 18.0874


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def write(tmp_path):
    """Function that writes an input file."""

    def write_input(text, mesh=4, level=0.3, components='"all"'):
        (tmp_path / "a.toml").write_text(text + REST.format(mesh=mesh, level=level, components=components), encoding="utf-8")
        return tmp_path / "a.toml"

    return write_input


def result(source):
    done = invoke("run", source)
    assert done.exit_code == 0, done.output
    return xarray.load_dataset(source.parent / "out" / "result.nc"), done.output


class TestModels:
    def test_rashba_gas_by_name(self, write):
        source = write('[system]\nmodel = "rashba_gas"\nparameters = {alpha = 0.4, mass = 1}\n', mesh=30)
        found, output = result(source)
        assert "rashba_gas: 2 Wannier functions" in output
        expected = wb_conserved.run(
            rashba_gas(alpha=0.4), 30, {"kubo": SUMS["kubo"].calculator([0.3], kBT=0.1, degen_thresh=0.01)}
        ).to_dataset()
        assert float(abs(expected["kubo"]).max()) > 0
        np.testing.assert_allclose(found["kubo"], expected["kubo"], rtol=1e-12, atol=1e-20)

    @pytest.mark.parametrize("name", MODELS)
    def test_every_model(self, write, name):
        done = invoke("check", write(f'[system]\nmodel = "{name}"\n'), "--quick")
        assert done.exit_code == 0, done.output

    def test_whole_numbers_and_words(self, write):
        text = '[system]\nmodel = "random_model"\nparameters = {num_orbitals = 2, kramers = true}\n'
        assert "4 Wannier functions" in invoke("check", write(text), "--quick").output

    @pytest.mark.parametrize(
        ("system", "said"),
        [
            ('model = "rashba"', "[system] model: expected one of 'rashba_gas'"),
            ('model = "bhz"\npath = "Pt"', "[system] path: expected a string"),
            ("", "[system] path: expected a string"),
            ('path = "Pt"\nparameters = {mass = 1.0}', "[system] parameters: expected model"),
            ('model = "bhz"\nspin_order = "block"', "[system] spin_order: expected none with model"),
            ('model = "bhz"\nparameters = {mas = 1.0}', "[system] parameters.mas: expected one of coupling, mass"),
            ('model = "random_model"\nparameters = {num_orbitals = 1.5}', "parameters.num_orbitals: expected an integer"),
        ],
    )
    def test_refusals(self, write, system, said):
        done = invoke("check", write(f"[system]\n{system}\n"))
        assert done.exit_code == 2 and said in done.output, done.output


class TestObservables:
    def test_sublattice(self, write):
        text = '[system]\nmodel = "kane_mele"\nparameters = {rashba = 0.1, staggered = 0.3}\n'
        text += '[quantities]\noperator = "sublattice"\nnames = ["conventional"]\n[observable]\nplus = [0, 1]\nminus = [2, 3]\n'
        found, output = result(write(text, mesh=6))
        system = kane_mele(rashba=0.1, staggered=0.3)
        operator = sublattice(system, plus=[0, 1], minus=[2, 3])
        calculator = ConventionalSpinConductivity([0.3], kBT=0.1, degen_thresh=0.01, operator=operator)
        expected = wb_conserved.run(system, 6, {"c": calculator}).to_dataset()["c"]
        np.testing.assert_allclose(found["conventional"], expected, rtol=1e-10, atol=1e-12)
        assert "values in (1/|e|) S" in output and found["conventional"].attrs["operator"] == "sublattice pseudospin"

    @pytest.fixture
    def platinum_at_once(self, monkeypatch, platinum):
        monkeypatch.setattr("wb_conserved.cli.job.load_system", lambda *_, **__: copy.copy(platinum))
        return platinum

    @pytest.mark.parametrize("name", ["layer", "orbital", "projected_spin", "matrix"])
    def test_of_platinum(self, write, platinum_at_once, tmp_path, name):
        system = platinum_at_once
        spin = (np.asarray(system.rvec.iRvec), 0.5 * np.asarray(system.get_R_mat("SS")))
        np.savez(tmp_path / "spin.npz", iRvec=spin[0], matrix=spin[1])
        table, operator = {
            "layer": ("upper = [0, 1]\nlower = [2, 3]", lambda: layer(system, upper=[0, 1], lower=[2, 3])),
            "orbital": (
                f'projections = "{DATA / "pt" / "Pt.nnkp"}"', lambda: orbital_angular_momentum(DATA / "pt" / "Pt.nnkp"),
            ),
            "projected_spin": ('atoms = ["Pt"]\norbitals = ["d"]', lambda: projected_spin(system, orbitals=["d"])),
            "matrix": (
                'file = "spin.npz"\nvector = true\nodd_under_time_reversal = true\nunit = "ħ"',
                lambda: r_space_operator(spin, odd_under_time_reversal=True, unit="ħ"),
            ),
        }[name]  # fmt: skip
        quantity = "drift" if name == "layer" else "conventional"  # a Hall current of a scalar is forbidden
        text = f'[system]\npath = "Pt"\n[quantities]\noperator = "{name}"\nnames = ["{quantity}"]\n[observable]\n{table}\n'
        found, _ = result(write(text, mesh=3, level=LEVEL))
        calculator = SUMS[quantity].calculator([LEVEL], kBT=0.1, degen_thresh=0.01, operator=operator())
        expected = wb_conserved.run(system, 3, {"c": calculator}, use_irred_kpt=False).to_dataset()["c"]
        assert float(abs(expected).max()) > 1e-3
        np.testing.assert_allclose(found[quantity], expected, rtol=1e-9, atol=1e-8)

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ('operator = "layer"\n[observable]\nplus = [0]', "[observable] plus: expected one of z_cut, upper, lower with"),
            ("[observable]\nz_cut = 1.0", "[observable] z_cut: expected none with [quantities] operator 'spin'"),
            ('operator = "layer"\n[observable]\nupper = [99]\nlower = [0]', "[observable] upper: expected indices from 0"),
            ('operator = "layer"', "[observable] z_cut: expected either z_cut"),
            ('operator = "orbital"', "[observable] projections: expected a .nnkp file"),
            ('operator = "matrix"\n[observable]\nfile = "no.npz"', "no.npz"),
            ('operator = "projected_spin"\n[observable]\natoms = ["Au"]', "[observable] atoms: expected some of [0, 'Pt']"),
            ('operator = "projected_spin"\n[observable]\norbitals = ["f"]', "[observable] orbitals: expected names among"),
        ],
    )
    def test_refusals(self, write, platinum_at_once, table, said):
        done = invoke("check", write(f'[system]\npath = "Pt"\n[quantities]\n{table}\n', level=LEVEL))
        assert done.exit_code == 2 and said in done.output, done.output

    def test_a_matrix_with_other_components_than_said(self, write, platinum_at_once, tmp_path):
        np.savez(tmp_path / "one.npz", iRvec=[[0, 0, 0]], matrix=np.eye(18)[None])
        text = '[system]\npath = "Pt"\n[quantities]\noperator = "matrix"\n[observable]\nfile = "one.npz"\nvector = true\n'
        done = invoke("check", write(text, level=LEVEL))
        assert "[observable] vector: expected true for a matrix with three components, false for one; found true" in done.output


class TestProjectedSpin:
    def test_parts(self, platinum):
        """All functions give the spin; a part is the block of the spin between its functions."""
        whole = projected_spin(platinum, functions=range(18)).matrix.interpolate(np.array([[0.1, 0.2, 0.3]]))
        spin = np.asarray(platinum.get_R_mat("SS"))
        phases = np.exp(2j * np.pi * np.asarray(platinum.rvec.iRvec) @ [0.1, 0.2, 0.3])
        expected = np.moveaxis(0.5 * np.tensordot(phases, spin, axes=1), -1, 1)[None]
        np.testing.assert_allclose(whole, 0.5 * (expected + expected.conj().transpose(0, 3, 2, 1)), atol=1e-12)
        parts = [projected_spin(platinum, atoms=["Pt"], orbitals=[shell]) for shell in "spd"]
        sizes = [np.count_nonzero(np.abs(part.matrix.matrix).sum(axis=(0, 2, 3))) for part in parts]
        assert sizes == [2, 6, 10] and parts[2].name == "spin on d of Pt"

    def test_refusals(self, platinum):
        for options in ({}, {"functions": [18]}, {"functions": [0, 0]}, {"functions": [0], "atoms": ["Pt"]}):
            with pytest.raises(InputError, match="expected"):
                projected_spin(platinum, **options)
        with pytest.raises(InputError, match="expected spin matrices"):
            bare = rashba_lattice()
            bare._XX_R.pop("SS")
            projected_spin(bare, functions=[0])
        with pytest.raises(InputError, match="functions, as no .nnkp"):
            projected_spin(rashba_lattice(), atoms=[0])


class TestComponents:
    def test_cubic_and_chiral(self, platinum):
        """Known from the tables: ε_ils of a cubic crystal with inversion; ten of point group 32 (time-reversal even)."""
        system = copy.copy(platinum)
        system.set_pointgroup(["C4z", "C4x", "Inversion", "TimeReversal"])
        calculator = ConventionalSpinConductivity([0.0], degen_thresh=0.01)
        permutations = {"".join(letters) for letters in itertools.permutations("xyz")}
        assert set(allowed_components(calculator, system.pointgroup)) == permutations
        assert len(allowed_components(calculator, None)) == 27
        drift = DriftSpinConductivity([0.0], kBT=0.1, degen_thresh=0.01)
        assert allowed_components(drift, system.pointgroup) == []  # time reversal
        from wannierberri.symmetry.point_symmetry import PointGroup

        lattice = [[1, 0, 0], [-0.5, 3**0.5 / 2, 0], [0, 0, 1.3]]
        chiral = PointGroup(["C3z", "C2x", "TimeReversal"], real_lattice=np.array(lattice))
        found = {"xxx", "xyy", "yxy", "yyx", "xyz", "yxz", "xzy", "yzx", "zxy", "zyx"}
        assert set(allowed_components(calculator, chiral)) == found

    def test_in_the_input(self, write):
        text = '[system]\nmodel = "rashba_lattice"\nsymmetry = ["C4z", "Mx", "TimeReversal"]\n'
        text += '[quantities]\nnames = ["conventional", "orbital_magnetization"]\n'
        allowed = {"xyz", "yxz", "xzy", "yzx", "zxy", "zyx"}
        shown = {}
        for word in ("all", "allowed", "nonzero"):
            source = write(text, mesh=8, components=f'"{word}"')
            done = invoke("run", source, "--overwrite")
            assert done.exit_code == 0, done.output
            dataset = xarray.load_dataset(source.parent / "out" / "result.nc")
            shown[word] = dataset.attrs["components"].split()
        assert len(shown["all"]) == 27 + 9
        assert {component for component in shown["allowed"] if len(component) == 3} == allowed
        assert set(shown["nonzero"]) == {"xyz", "yxz", "zz"}  # a sheet carries nothing along z
        assert invoke("check", write(text, components='"some"')).exit_code == 2

    def test_series_of_meshes(self, write):
        text = '[system]\nmodel = "rashba_lattice"\nsymmetry = ["C4z", "Mx", "TimeReversal"]\n'
        text += "[convergence]\nmeshes = [4, 6, 8]\n"
        done = invoke("convergence", write(text, components='"nonzero"'))
        assert done.exit_code == 0, done.output
        assert "σ_K xyz" in done.output and "σ_K yxz" in done.output and "σ_K xxx" not in done.output
