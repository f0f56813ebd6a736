"""The command on long runs: dry run, checkpoint, memory, refinement, mesh series."""

import copy
import re

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.driver import evaluation

INPUT = f"""
[system]
path = "{DATA / "pt" / "Pt"}"
symmetry = ["C4z", "C4x", "Inversion", "TimeReversal"]
[grid]
mesh = 6
[fermi]
level = 18.0874
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[quantities]
names = ["conventional", "kubo"]
[output]
folder = "results"
plot = false
"""


@pytest.fixture
def write(tmp_path, monkeypatch, platinum):
    """Function that writes an input file with further sections."""
    from wb_conserved.cli import job

    monkeypatch.setattr(job, "load_system", lambda *_, **__: copy.copy(platinum))

    def write_input(more="", mesh="mesh = 6"):
        path = tmp_path / "pt.toml"
        path.write_text(INPUT.replace("mesh = 6", mesh) + more, encoding="utf-8")
        return path

    return write_input


@pytest.fixture
def evaluated(monkeypatch):
    """List that gets the number of batches of every chunk that is evaluated."""
    counts, chunk = [], evaluation.Evaluation.chunk

    def counted(self, batches, *arguments, **options):
        counts.append(len(batches))
        return chunk(self, batches, *arguments, **options)

    monkeypatch.setattr(evaluation.Evaluation, "chunk", counted)
    return counts


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_dry_run_tells_time_and_memory_and_writes_nothing(write, tmp_path):
    source = write('[run]\ncheckpoint = "parts"\n')
    done = invoke("run", source, "--dry-run")
    assert done.exit_code == 0, done.output
    assert re.search(r"k points  +\d+ in \d+ chunks, \d+ at a time", done.output)
    assert re.search(r"time +[\d.]+ ms per k point", done.output)
    assert re.search(r"memory +\d+ MiB per process", done.output)
    assert [path.name for path in tmp_path.iterdir()] == ["pt.toml"]


def test_the_same_command_goes_on_from_the_checkpoint(write, tmp_path, evaluated):
    source = write('[run]\ncheckpoint = "parts"\n')
    assert invoke("run", source).exit_code == 0
    assert len(evaluated) > 2
    evaluated.clear()
    done = invoke("run", source, "--output", tmp_path / "again")
    assert done.exit_code == 0, done.output
    assert len(evaluated) == 1  # one k point, to prepare
    first, again = (xarray.open_dataset(tmp_path / name / "result.nc") for name in ("results", "again"))
    xarray.testing.assert_equal(first, again)
    assert "busy 0.0 s" in done.output
    other = invoke("run", write('[run]\ncheckpoint = "parts"\n', "mesh = 4"), "--overwrite")
    assert other.exit_code == 2
    said = "parts: expected one of this run; found one of another, which differs in mesh (6 × 6 × 6 there, 4 × 4 × 4 here);"
    assert said in other.output


def test_too_little_memory_is_refused(write):
    done = invoke("run", write("[run]\nmemory_per_rank = 0.1\n"))
    assert done.exit_code == 2
    assert "pt.toml: [run] memory_per_rank: expected at least" in done.output


def test_refinement_gives_an_error_estimate(write, tmp_path):
    done = invoke("run", write(mesh="mesh = 6\nadpt_num_iter = 2\nadpt_fac = 2"))
    assert done.exit_code == 0, done.output
    assert "± σ_K" in done.output
    dataset = xarray.open_dataset(tmp_path / "results" / "result.nc")
    assert dataset["kubo_error"].attrs["error_of"] == "kubo"
    assert np.abs(dataset["kubo_error"]).max() > 1
    assert set(dataset.data_vars) == {"kubo", "kubo_error", "conventional", "conventional_error"}


def test_mesh_series(write, tmp_path, evaluated):
    source = write('[run]\ncheckpoint = "parts"\n[convergence]\nmeshes = [4, 5, 6]\n')
    done = invoke("convergence", source)
    assert done.exit_code == 0, done.output
    assert "infinite mesh" in done.output
    folder = tmp_path / "results" / "convergence"
    assert sorted(path.name for path in folder.iterdir()) == ["cite.bib", "convergence.nc", "convergence.txt", "input.toml"]
    assert (folder / "convergence.txt").read_text(encoding="utf-8").strip() in done.output
    dataset = xarray.open_dataset(folder / "convergence.nc")
    assert dataset["mesh"].values.tolist() == ["4x4x4", "5x5x5", "6x6x6"]
    assert {"kubo", "kubo_extrapolated", "kubo_error"} <= set(dataset.data_vars)
    evaluated.clear()
    assert invoke("convergence", source, "--overwrite").exit_code == 0
    assert len(evaluated) == 3  # one k point for each mesh
    assert invoke("run", source).exit_code == 0  # beside it, with a checkpoint of its own


def test_a_window_that_is_moved_is_said(write, tmp_path):
    """In one line, by every command; the level of the table is on the grid."""
    source = write("[convergence]\nmeshes = [1, 2, 3]\n", mesh="mesh = 2")
    text = source.read_text(encoding="utf-8").replace("kBT = 0.1", "kBT = 0.0")
    source.write_text(text.replace("18.0874", "18.0874\nwindow = [-1.0, 2.0]\npoints = 11"), encoding="utf-8")
    for command in (["check"], ["run", "--dry-run"], ["run"], ["convergence"]):
        done = invoke(command[0], source, *command[1:])
        assert done.exit_code == 0, done.output
        assert done.output.count("[fermi] window: moved by +0.1 eV, so that the level is on its uniform grid") == 1
    with xarray.open_dataset(tmp_path / "results" / "result.nc") as data:
        np.testing.assert_allclose(data["Efermi"], 18.0874 + np.linspace(-0.9, 2.1, 11), rtol=0, atol=1e-9)
        assert data["kubo"].attrs["fermi_surface_width_eV"] == pytest.approx(0.3)


def test_thresholds_and_temperatures_beside_the_meshes(write, tmp_path):
    """On the finest mesh: the row of the run's own settings is that of this mesh, and a picture shows all."""
    pytest.importorskip("matplotlib")
    more = "[convergence]\nmeshes = [2, 3, 4]\nthresholds = [0.01, 1.0]\nkBT = [0.1, 0.2]\n"
    source = write(more)
    source.write_text(source.read_text(encoding="utf-8").replace("plot = false", "plot = true"), encoding="utf-8")
    done = invoke("convergence", source)
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split()[1:] for line in done.output.splitlines() if line[:1].isdigit()}
    finest = next(line for line in done.output.splitlines() if line.startswith("4 × 4 × 4")).split()[5:]
    assert rows["0.01"] == rows["0.1"] == finest
    assert rows["1"] != finest and rows["0.2"] != finest
    folder = tmp_path / "results" / "convergence"
    assert (folder / "convergence.png").stat().st_size > 10**4
    assert "kBT/eV" in (folder / "convergence.txt").read_text(encoding="utf-8")


def test_a_mesh_series_needs_meshes(write):
    done = invoke("convergence", write())
    assert done.exit_code == 2
    said = "pt.toml: [convergence] meshes: expected a list of at least three meshes, from coarse to fine; found []"
    assert said in done.output


def test_what_few_k_points_carry_stands_under_the_table(write):
    """Once, not among the warnings; the same line for a series of meshes, of the finest one."""
    path = write('[convergence]\nmeshes = [3, 4, 5]\n', mesh="mesh = 3")
    done = CliRunner().invoke(main, ["run", str(path)])
    assert done.exit_code == 0, done.output
    assert len(re.findall(r"^few k points carry: σ_\w+ xyz = .* k points count", done.output, re.MULTILINE)) == 1
    assert done.output.count("few k points carry") == 1
    assert done.output.index("direction of flow") < done.output.index("few k points carry") < done.output.index("wrote ")
    done = CliRunner().invoke(main, ["convergence", str(path)])
    assert done.exit_code == 0, done.output
    assert len(re.findall(r"^on the finest mesh few k points carry: ", done.output, re.MULTILINE)) == 1
