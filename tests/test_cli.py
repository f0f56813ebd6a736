"""The command: end to end on real data, alone and under mpirun, and what it refuses."""

import copy
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from processes import LIMIT, MPIRUN, needs_mpi4py, needs_mpirun, start

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.cli import main
from wb_conserved.io.ab_initio_mesh import set_ab_initio_mesh

ROOT = Path(__file__).parents[1]
FILES = ["cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv", "scan.png"]
COMMAND = [sys.executable, "-c", "from wb_conserved.cli import main; main()"]
INPUT = f"""
[system]
path = "{ROOT / "data" / "pt" / "Pt"}"
symmetry = ["Inversion", "TimeReversal"]
[grid]
mesh = 5
[fermi]
level = 18.0874
levels = [17.0, 18.0, 19.0]
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[quantities]
names = ["conventional", "conserved", "kubo", "berry", "dipole"]
[output]
folder = "results"
components = ["xyz", "yxz"]
"""


@pytest.fixture
def source(tmp_path):
    """Input file of a small run."""
    path = tmp_path / "pt.toml"
    path.write_text(INPUT, encoding="utf-8")
    return path


@pytest.fixture
def load_at_once(monkeypatch, platinum):
    """Real data without reading it again."""
    from wb_conserved.cli import job

    monkeypatch.setattr(job, "load_system", lambda *_, **__: copy.copy(platinum))


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run from the shell: folder and completed process."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "pt.toml").write_text(INPUT, encoding="utf-8")
    done = start([*COMMAND, "run", folder / "pt.toml"])
    assert done.returncode == 0, done.stderr
    return folder / "results", done


class TestRun:
    """A run of one process."""

    def test_files(self, finished):
        assert sorted(os.listdir(finished[0])) == FILES
        assert INPUT.split("[grid]")[1].replace('"results"', '"."') in (finished[0] / "input.toml").read_text(encoding="utf-8")

    def test_table(self, finished):
        """The headline first, the numbers of the data set at the Fermi level, the components that were asked for."""
        lines = finished[1].stdout.splitlines()
        rows = {line.split()[0]: line.split()[-2:] for line in lines if line.startswith("σ_")}
        assert list(rows) == ["σ_K", "σ_in", "σ_conv", "σ_B", "σ_dp"]
        names = ("kubo", "conserved", "conventional", "berry", "dipole")
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            for row, name in zip(rows.values(), names, strict=True):
                at_level = data[name].sel(Efermi=18.0874, s="z")
                values = [float(at_level.sel(i=i, l=l)) for i, l in ("xy", "yx")]
                assert row == [f"{value:.5g}" for value in values]
                assert abs(values[0]) > 100
        assert next(line for line in lines if "xyz" in line).split() == ["xyz", "yxz"]
        assert "mesh 5 × 5 × 5, kBT = 0.1 eV, multiplet threshold = 0.01 eV" in lines
        assert "E_F = 18.0874 eV, values in (ħ/|e|) S/cm" in lines

    def test_nothing_but_the_warning_on_standard_error(self, finished):
        """No progress bar, which is for a terminal."""
        first, *lines = finished[1].stderr.splitlines()
        assert re.fullmatch(r"WARNING: .*Pt\.chk\.xz: the interpolated spin exceeds 1: .*", first)
        assert all(re.match(r"INFO: compiling for this processor|$", line) for line in lines)

    def test_data_set(self, finished):
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            assert data["Efermi"].values.tolist() == [17.0, 18.0, 18.0874, 19.0]
            assert data.attrs["input_toml"] == INPUT
            resolved = json.loads(data.attrs["input_resolved_json"])
            assert resolved["quantities"]["operator"] == "spin"  # a default
            assert resolved["multiplets"] == {"threshold": 0.01, "kramers": False, "compare": []}
            assert data.attrs["symmetry_operations"] == 4
            assert data.attrs["ranks"] == 1
            assert data.attrs["wall_time_s"] > 0
            assert data.attrs["quantities"].split() == ["kubo", "conserved", "conventional", "berry", "dipole"]
            assert set(data.data_vars) == set(data.attrs["quantities"].split())
            for variable in data.data_vars.values():
                assert variable.dims == ("Efermi", "i", "l", "s")
                assert variable.attrs["units"] == "(ħ/|e|) S/cm"
            assert np.abs(data["dipole"]).max() > 100
            identity = data["conserved"] - data["berry"] + data["dipole"]  # σ_in = σ_B − σ_dp
            np.testing.assert_allclose(identity, 0, atol=1e-8)

    def test_picture_and_table_of_the_whole_scan(self, finished):
        pytest.importorskip("matplotlib")
        from matplotlib.image import imread

        pixels = imread(finished[0] / "scan.png")[..., :3]
        assert np.mean(np.abs(pixels - [0x1B / 255, 0x3A / 255, 0x6B / 255]).max(axis=2) < 0.02) > 1e-3  # σ_K, dark blue
        assert pixels.shape[0] > pixels.shape[1]  # two panels
        text = (finished[0] / "result.csv").read_text(encoding="utf-8")
        header, *rows = [line.split(",") for line in text.splitlines()]
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            names = data.attrs["quantities"].split()
            units = [f"{name} [(ħ/|e|) S/cm]" for name in names]
            assert header == ["Efermi [eV]", "e_minus_ef [eV]", "i", "l", "s", *units]
            found = np.array([row[5:] for row in rows], dtype=float).reshape(4, 3, 3, 3, 5)
            for place, name in enumerate(names):
                np.testing.assert_allclose(found[..., place], data[name], rtol=1e-8, atol=1e-9)

    def test_same_numbers_as_in_python(self, finished, platinum):
        from wb_conserved.calculators import static

        system = copy.copy(platinum)
        system.set_pointgroup(["Inversion", "TimeReversal"])
        kinds = {
            "kubo": static.KuboConservedSpinConductivity,
            "conserved": static.ConservedSpinConductivity,
            "conventional": static.ConventionalSpinConductivity,
            "berry": static.BerrySpinConductivity,
            "dipole": static.DipoleScatteringSpinConductivity,
        }
        options = {"degen_thresh": 0.01, "kBT": 0.1}
        calculators = {name: kind([17.0, 18.0, 18.0874, 19.0], **options) for name, kind in kinds.items()}
        expected = wb_conserved.run(system, 5, calculators).to_dataset()
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            for name in kinds:
                assert np.abs(expected[name]).max() > 100
                np.testing.assert_allclose(data[name], expected[name], rtol=1e-12, atol=1e-9, err_msg=name)

    @needs_mpirun
    @pytest.mark.parametrize("ranks", [2])
    def test_same_numbers_under_mpirun(self, finished, source, ranks):
        done = start([*MPIRUN, "-n", ranks, *COMMAND, "run", source, "--output", source.parent / "parallel"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\nσ_K ") == 1
        assert f"processes {ranks}, OMP_NUM_THREADS = 1" in done.stdout
        assert done.stderr.count("the interpolated spin exceeds 1") == 1
        with (
            xarray.open_dataset(finished[0] / "result.nc") as serial,
            xarray.open_dataset(source.parent / "parallel" / "result.nc") as parallel,
        ):
            assert parallel.attrs["ranks"] == ranks
            assert parallel.attrs["mpi_library"]
            xarray.testing.assert_equal(parallel, serial)


class TestRefusals:
    """One message, exit code 2, no traceback, nothing computed."""

    def refused(self, result, *texts):
        assert result.exit_code == 2, result.output
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        for text in texts:
            assert text in result.output

    def test_results_that_are_there(self, source, load_at_once):
        (source.parent / "results").mkdir()
        (source.parent / "results" / "result.csv").write_text("precious")
        self.refused(invoke("run", source), "found result.csv", "--overwrite")
        assert (source.parent / "results" / "result.csv").read_text() == "precious"
        done = invoke("run", source, "--overwrite")
        assert done.exit_code == 0, done.output
        assert (source.parent / "results" / "result.csv").read_text().startswith("Efermi [eV],")

    def test_results_that_appear_during_the_run(self, source, load_at_once, monkeypatch):
        from wb_conserved.cli import commands

        compute, table = commands.run_calculators, source.parent / "results" / "result.csv"

        def beside_another(*arguments, **options):
            table.write_text("precious")
            return compute(*arguments, **options)

        monkeypatch.setattr(commands, "run_calculators", beside_another)
        done = invoke("run", source)
        assert done.exit_code == 73
        assert "found result.csv" in done.output
        assert table.read_text() == "precious"

    def test_overwrite_in_the_input(self, source, load_at_once):
        source.write_text(INPUT.replace('folder = "results"', 'folder = "results"\noverwrite = true'))
        assert invoke("run", source).exit_code == 0
        table = source.parent / "results" / "result.csv"
        first = table.read_text()
        table.write_text("of another run")
        assert invoke("run", source).exit_code == 0
        assert table.read_text().splitlines()[-1] == first.splitlines()[-1]

    @pytest.mark.parametrize("command", ["run", "check"])
    def test_bad_input_names_the_key(self, source, command):
        source.write_text(INPUT.replace("threshold = 0.01", "").replace("mesh = 5", "mesh = 0"))
        result = invoke(command, source)
        self.refused(result, f"{source}: [multiplets] threshold: expected", f"{source}: [grid] mesh: expected")
        assert not (source.parent / "results").exists()

    def test_missing_input(self, tmp_path):
        self.refused(invoke("run", tmp_path / "none.toml"), "none.toml: expected a TOML file that can be read")

    def test_switch_of_compiled_kernels(self, source, monkeypatch):
        """Before anything is read."""
        monkeypatch.setenv("WB_CONSERVED_COMPILED", "no")
        for command in ("run", "check"):
            self.refused(invoke(command, source), "environment variable WB_CONSERVED_COMPILED: expected 0 or 1; found 'no'")

    def test_missing_data(self, source):
        source.write_text(INPUT.replace("pt/Pt", "pt/None"))
        self.refused(invoke("run", source), "data/pt/None: expected a file or folder", "X.chk", "found no such file")
        assert list((source.parent / "results").iterdir()) == []

    def test_mesh_against_symmetry(self, source, load_at_once):
        text = INPUT.replace("mesh = 5", "mesh = [5, 5, 6]").replace('["Inversion",', '["C4z",')
        source.write_text(text)
        self.refused(invoke("run", source), f"{source}: [grid] mesh: expected")
        assert list((source.parent / "results").iterdir()) == []

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_folder_without_permission(self, source):
        source.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
        self.refused(invoke("run", source), "expected a folder that can be written to")

    def test_folder_that_is_a_file(self, source):
        (source.parent / "results").write_text("precious")
        self.refused(invoke("run", source), f"{source.parent / 'results'}: expected a folder that can be written to")
        assert (source.parent / "results").read_text() == "precious"

    @needs_mpi4py
    def test_launcher_of_another_mpi(self, source):
        done = start([*COMMAND, "run", source], PMI_SIZE="2", MPI_LOCALNRANKS="2")
        assert done.returncode == 2
        assert "expected a world of 2 ranks, as mpirun of MPICH or Intel MPI started 2 processes (PMI_SIZE=2)" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (source.parent / "results").exists()

    @needs_mpirun
    def test_one_message_under_mpirun(self, source):
        source.write_text(INPUT.replace("threshold = 0.01", ""))
        done = start([*MPIRUN, "-n", "2", *COMMAND, "run", source])
        assert done.returncode == 2
        assert done.stderr.count("[multiplets] threshold") == 1
        assert "Traceback" not in done.stderr

    def test_bug_keeps_its_traceback(self, source, monkeypatch):
        from wb_conserved.cli import commands as cli

        monkeypatch.setattr(cli, "make_system", lambda *_: {}["bug"])
        result = invoke("run", source)
        assert isinstance(result.exception, KeyError) and result.exception.args == ("bug",)


def test_check_says_what_would_run(source, load_at_once):
    result = invoke("check", source)
    assert result.exit_code == 0, result.output
    for text in ("18 Wannier functions, 4 symmetry operations", "5 × 5 × 5", "threshold = 0.01 eV", "scan of 4"):
        assert text in result.output
    assert not (source.parent / "results").exists()
    bars = [line.split()[0] for line in result.output.splitlines() if "±" in line or line.startswith(("hoppings", "copies"))]
    assert bars == ["bands", "hoppings", "copies", "errors"]
    assert "(rms; up to " in result.output and "what the 4 × 4 × 4 ab initio mesh leaves open" in result.output


def test_check_of_an_unknown_ab_initio_mesh(source, monkeypatch, platinum):
    system = copy.copy(platinum)
    set_ab_initio_mesh(system, None)
    monkeypatch.setattr("wb_conserved.cli.job.load_system", lambda *_, **__: system)
    result = invoke("check", source)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].startswith("bands     no error bar: the ab initio mesh is not known (mp_grid in")


def test_run_without_matplotlib(source, load_at_once, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = invoke("run", source)
    assert result.exit_code == 0, result.output
    assert "matplotlib is missing" in result.output
    assert sorted(os.listdir(source.parent / "results")) == [
        "cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv",
    ]  # fmt: skip


def test_scalar_operator(source, load_at_once):
    text = INPUT.replace("[output]", 'operator = "identity"\n[output]').replace('["xyz", "yxz"]', '["xy"]')
    source.write_text(text)
    result = invoke("run", source)
    assert result.exit_code == 0, result.output
    assert "values in (1/|e|) S/cm" in result.output
    with xarray.open_dataset(source.parent / "results" / "result.nc") as data:
        assert all(variable.dims == ("Efermi", "i", "l") for variable in data.data_vars.values())
        assert abs(data["conventional"].sel(i="x", l="y")).max() < 1e-6  # time reversal forbids a Hall current
        for name in ("dipole", "berry"):  # of a number that commutes with H
            np.testing.assert_allclose(data[name], 0 if name == "dipole" else data["conserved"], atol=1e-8)


class TestTemperaturesAndElectrons:
    """Several temperatures, a number of electrons and every quantity, end to end."""

    everything = f"names = {list(SUMS)}\noptions.drift.relaxation_time = 10.0"

    def text(self, fermi="level = 18.0874", temperature="kelvin = [300, 100]", names=everything, more="", mesh=3):
        parts = {
            r"(?m)^names = .*$": names, "mesh = 5": f"mesh = {mesh}", r"(?s)level = .*?\]\n": f"{fermi}\n",
            "kBT = 0.1": temperature, "threshold = 0.01": f"threshold = 0.01\n{more}", r"(?m)^components = .*$": "",
        }  # fmt: skip
        text = INPUT
        for old, new in parts.items():
            text, found = re.subn(old, lambda _, new=new: new, text, count=1)
            assert found, old
        return text

    def done(self, source, command, text):
        source.write_text(text, encoding="utf-8")
        result = invoke(command, source)
        assert result.exit_code == 0, result.output
        return result.output

    def test_everything_at_several_temperatures(self, source, load_at_once):
        output = self.done(source, "run", self.text(more="compare = [0.1]"))
        assert "T = 300, 100 K, kBT = 0.025852, 0.00861733 eV" in output
        for entry in SUMS.values():
            assert re.search(rf"^{re.escape(entry.calculator.symbol)} +{re.escape(entry.calculator.long_name)}$", output, re.M)
        assert output.count("threshold/eV") == output.count("T/K") - output.count("threshold/eV") - 4  # none of states
        assert {"scan.png", "temperatures.png"} <= set(os.listdir(source.parent / "results"))
        with xarray.open_dataset(source.parent / "results" / "result.nc") as data:
            assert data.attrs["quantities"].split() == list(SUMS)
            assert data["drift"].attrs["relaxation_time_fs"] == 10.0
            assert data["drift"].attrs["units"] == "(ħ/|e|) S/cm"
            np.testing.assert_allclose(data["kelvin"], [300, 100])

    @pytest.mark.parametrize("fermi", ["electrons = 10", "level = 18.0874\ncarriers = -0.2"])
    def test_electrons(self, source, load_at_once, fermi):
        names = 'names = ["nernst_kubo", "number_of_electrons"]'
        output = self.done(source, "run", self.text(fermi, names=names, more="compare = [0.1]"))
        assert "Fermi     level that holds electrons: " in output
        assert "μ/eV" in output and "E_F" not in output
        assert sorted(os.listdir(source.parent / "results")) == [
            "cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv", "temperatures.png",
        ]  # fmt: skip
        with xarray.open_dataset(source.parent / "results" / "result.nc") as data:
            assert data["nernst_kubo"].dims == ("kBT", "i", "l", "s")
            assert np.ptp(data["number_of_electrons"].values) < 1e-8
            assert "fermi_level_eV" not in data.attrs
        assert "μ/eV" in self.done(source, "convergence", self.text(fermi, names=names) + "[convergence]\nmeshes = [2, 3, 4]")
        assert "level that holds electrons" in self.done(source, "check", self.text(fermi, names=names))

    @pytest.mark.parametrize("width", ["fermi_surface_width = 0.1", "tetrahedra = true"])
    def test_zero_temperature(self, source, load_at_once, width):
        names = f"names = {[name for name in SUMS if not name.startswith(('nernst', 'specific'))]}"
        output = self.done(source, "run", self.text(temperature=f"kBT = 0\n{width}", names=names, more="compare = [0.1]"))
        assert output.count("values in 1/cell") == 1

    def test_refined(self, source, load_at_once):
        text = self.text(mesh=4, names='names = ["kubo"]').replace("mesh = 4", "mesh = 4\nadpt_num_iter = 1")
        assert "its estimated error" in self.done(source, "run", text)

    def test_a_number_of_electrons_that_does_not_fit_names_the_key(self, source, load_at_once):
        source.write_text(self.text("electrons = 18.5", names='names = ["kubo"]'), encoding="utf-8")
        result = invoke("run", source)
        assert result.exit_code == 2
        expected = "[fermi] electrons: expected a number between 0 and the 18 states of a cell; found 18.5"
        assert f"{source}: {expected}" in result.output


def test_version():
    assert invoke("--version").output == f"wb-conserved, version {wb_conserved.__version__}\n"


class TestReadme:
    """What the README says is what happens."""

    text = (ROOT / "README.md").read_text(encoding="utf-8")

    def block(self, language, containing):
        blocks = re.findall(rf"```{language}\n(.*?)```", self.text, flags=re.DOTALL)
        (found,) = [block for block in blocks if containing in block]
        return found

    def test_python_example(self):
        code = self.block("python", "load_system")
        assert len(code.strip().splitlines()) <= 12
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 0, done.stderr
        shown = self.block("text", "σ_K")
        assert done.stdout.split() == shown.split()

    def test_main_command_runs_the_tutorial(self):
        command = self.block("bash", "mpirun")
        (path,) = re.findall(r"run (\S+\.toml)", command)
        result = invoke("check", ROOT / path)
        assert result.exit_code == 0, result.output

    def test_ci_runs_the_test_command(self):
        command = self.block("bash", "pytest").strip()
        assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    def test_picture_is_there(self):
        (path,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", self.text)
        pytest.importorskip("matplotlib")
        from matplotlib.image import imread

        pixels = imread(ROOT / path)[..., :3]
        for red, green, blue in ((0x1B, 0x3A, 0x6B), (0xD1, 0x60, 0x2F), (0x6F, 0x6F, 0x6F)):  # σ_K, σ_in, σ_conv
            assert np.mean(np.abs(pixels - np.array([red, green, blue]) / 255).max(axis=2) < 0.02) > 1e-3


def test_symmetrised_system_kramers_pairs_and_comparison_of_thresholds(tmp_path):
    """[system] symmetrize, [multiplets] kramers = "auto" and compare, in one run on platinum."""
    pytest.importorskip("irrep", reason="irrep is not installed: pip install '.[symmetry]'")
    pytest.importorskip("spglib", reason="spglib is not installed: pip install '.[symmetry]'")
    text = INPUT.replace("threshold = 0.01", 'threshold = 0.01\nkramers = "auto"\ncompare = [0.2, 0.0001]')
    text = re.sub(r"(?m)^symmetry = .*$", "symmetrize = true", text)
    source = tmp_path / "pt.toml"
    source.write_text(text)
    done = CliRunner().invoke(main, ["run", str(source), "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "96 symmetry operations" in done.output
    assert "multiplet threshold = 0.01 eV and Kramers pairs" in done.output
    table = done.output[done.output.index("threshold/eV") :].splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["0.0001", "0.01", "0.2"]
    with xarray.open_dataset(tmp_path / "out" / "result.nc") as data:
        assert data.attrs["symmetry_operations"] == 96
        compared = json.loads(data.attrs["multiplet_threshold_comparison_json"])
        assert {(row["quantity"], row["threshold_eV"]) for row in compared} >= {("kubo", 0.2), ("conserved", 0.0001)}
        assert set(data.data_vars) == {row["quantity"] for row in compared}
        # the row of the run's own threshold is the table at the Fermi level
        value = float(data["kubo"].sel(Efermi=18.0874, i="x", l="y", s="z"))
        assert f"{value:.5g}" in table[2]
