"""Nothing that happens after the last k point loses a result: files, sums, encodings, broken libraries."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.driver import evaluation
from wb_conserved.results import files, write_results

INPUT = f"""
[system]
path = "{DATA / "pt" / "Pt"}"
[grid]
mesh = 3
[fermi]
level = 18.0874
window = [-0.1, 0.1]
points = 3
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[quantities]
names = ["kubo"]
[output]
folder = "results"
"""
COMMAND = [sys.executable, "-c", "from wb_conserved.cli import main; main()"]
NAMES = ["cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv", "scan.png"]


@pytest.fixture
def source(tmp_path, monkeypatch, platinum):
    from wb_conserved.cli import job

    monkeypatch.setattr(job, "load_system", lambda *_, **__: platinum)
    path = tmp_path / "pt.toml"
    path.write_text(INPUT, encoding="utf-8")
    return path


@pytest.fixture
def evaluated(monkeypatch):
    """List that gets the number of k points of every chunk that is evaluated."""
    counts, chunk = [], evaluation.Evaluation.chunk

    def counted(self, batches, *arguments, **options):
        counts.append(sum(len(batch.kpoints) for batch in batches))
        return chunk(self, batches, *arguments, **options)

    monkeypatch.setattr(evaluation.Evaluation, "chunk", counted)
    return counts


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def fails(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


BREAKS = {
    "result.nc": lambda patch: patch.setattr(files, "netcdf", fails),
    "result.csv": lambda patch: patch.setattr(files, "format_csv", fails),
    "scan.png": lambda patch: patch.setattr(files, "plot_scan", fails),
}


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_writer_that_fails_is_named_and_the_same_command_finishes(source, tmp_path, evaluated, broken, checkpoint):
    pytest.importorskip("matplotlib")
    if checkpoint:
        source.write_text(INPUT + '[run]\ncheckpoint = "parts"\n', encoding="utf-8")
    folder = tmp_path / "results"
    with pytest.MonkeyPatch.context() as patch:
        BREAKS[broken](patch)
        done = invoke("run", source)
    assert done.exit_code == 73, done.output
    assert f"results/{broken}: OSError: No space left on device" in done.output
    assert "the same command writes the files from them" in done.output
    unfinished = [name for name in listed(folder) if name.startswith("unfinished-")]
    assert [name for name in listed(folder) if name not in unfinished] == [name for name in NAMES if name != broken]
    assert len(unfinished) == 1
    evaluated.clear()
    done = invoke("run", source)
    assert done.exit_code == 0, done.output
    assert sum(evaluated) == 1  # which tells the sizes of arrays
    assert listed(folder) == NAMES
    assert "σ_K" in done.output
    refused = invoke("run", source)
    assert refused.exit_code == 2
    assert "expected a folder without results" in refused.output


def test_a_full_disk_in_the_middle_leaves_each_file_complete_or_absent(source, tmp_path):
    folder = tmp_path / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write_file", fails)
        done = invoke("run", source)
    assert done.exit_code == 73
    assert len(listed(folder)) == 1
    assert invoke("run", source).exit_code == 0
    assert listed(folder) == NAMES


def test_an_old_file_of_a_writer_that_fails_does_not_stay(source, tmp_path):
    """It would show other numbers."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "result.csv").write_text("old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "format_csv", fails)
        assert invoke("run", source, "--overwrite").exit_code == 73
    assert not (folder / "result.csv").exists()


def test_other_settings_do_not_take_over(source, tmp_path):
    """Files that another command has begun are not replaced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "format_csv", fails)
        assert invoke("run", source).exit_code == 73
    source.write_text(INPUT.replace("kBT = 0.1", "kBT = 0.2"), encoding="utf-8")
    refused = invoke("run", source)
    assert refused.exit_code == 2
    assert "expected a folder without results; found result.nc" in refused.output


def test_the_folder_of_the_results_removed_during_the_run(source, tmp_path, monkeypatch):
    folder, chunk = tmp_path / "results", evaluation.Evaluation.chunk

    def removing(*arguments, **options):
        shutil.rmtree(folder, ignore_errors=True)
        return chunk(*arguments, **options)

    monkeypatch.setattr(evaluation.Evaluation, "chunk", removing)
    done = invoke("run", source)
    assert done.exit_code == 0, done.output
    assert listed(folder) == NAMES
    shutil.rmtree(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "format_csv", fails)
        assert invoke("run", source).exit_code == 73
    monkeypatch.setattr(evaluation.Evaluation, "chunk", chunk)
    assert invoke("run", source).exit_code == 0


def test_no_space_for_the_sums_is_refused_before_the_first_k_point(source, tmp_path, monkeypatch, evaluated):
    monkeypatch.setattr(os, "posix_fallocate", fails)
    done = invoke("run", source)
    assert done.exit_code == 2
    assert "MiB for results; found: No space left on device" in done.output
    assert sum(evaluated) == 1
    assert listed(tmp_path / "results") == []


def test_a_series_of_meshes_finishes_from_its_sums(source, tmp_path, evaluated):
    source.write_text(INPUT + "[convergence]\nmeshes = [2, 3, 4]\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        BREAKS["result.nc"](patch)
        done = invoke("convergence", source)
    assert done.exit_code == 73
    assert "convergence.nc: OSError: No space left on device" in done.output
    evaluated.clear()
    assert invoke("convergence", source).exit_code == 0
    assert sum(evaluated) == 3
    assert listed(tmp_path / "results" / "convergence") == [
        "cite.bib", "convergence.nc", "convergence.png", "convergence.txt", "input.toml",
    ]  # fmt: skip


BROKEN_LIBRARY = "raise AttributeError('_ARRAY_API not found')\n"


@pytest.mark.parametrize(
    ("encoding", "broken"), [("gbk", False), ("ascii", False), ("latin-1", True), ("utf-8", True)]
)
def test_encodings_that_lack_characters_and_a_broken_matplotlib(tmp_path, encoding, broken):
    """In processes of their own."""
    (tmp_path / "pt.toml").write_text(INPUT, encoding="utf-8")
    variables = {"PYTHONIOENCODING": encoding}
    if broken:
        (tmp_path / "modules" / "matplotlib").mkdir(parents=True)
        (tmp_path / "modules" / "matplotlib" / "__init__.py").write_text(BROKEN_LIBRARY)
        variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "modules"), os.environ.get("PYTHONPATH", "")])
    command = [*COMMAND, "run", tmp_path / "pt.toml"]
    done = subprocess.run(list(map(str, command)), capture_output=True, env=os.environ | variables, cwd=tmp_path, check=False)
    output = (done.stdout + done.stderr).decode(encoding, errors="replace")
    assert done.returncode == 0, output
    assert "Traceback" not in output
    assert "kubo" in output or "_K" in output
    assert listed(tmp_path / "results") == [name for name in NAMES if not (broken and name == "scan.png")]
    if broken:
        assert "no picture: matplotlib cannot be imported (AttributeError: _ARRAY_API not found)" in output


NO_LOCKS = """
#include <errno.h>
int flock(int file, int operation) { errno = ENOLCK; return -1; }
"""


@pytest.mark.skipif(not shutil.which("cc") or sys.platform != "linux", reason="needs cc, for a file system without locks")
def test_a_file_system_without_locks(tmp_path):
    (tmp_path / "flock.c").write_text(NO_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "flock.so", tmp_path / "flock.c"], check=True)
    (tmp_path / "pt.toml").write_text(INPUT + '[run]\ncheckpoint = "parts"\n', encoding="utf-8")
    variables = {"LD_PRELOAD": str(tmp_path / "flock.so"), "HDF5_USE_FILE_LOCKING": "TRUE"}
    command = [*COMMAND, "run", str(tmp_path / "pt.toml")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "result.nc" in listed(tmp_path / "results")


def test_python_gets_the_files_that_can_be_written(tmp_path, monkeypatch):
    dataset = xarray.Dataset({"a": (("Efermi",), np.ones(3), {"units": "1", "long_name": "a", "symbol": "a"})})
    dataset.attrs["mesh"] = [2, 2, 2]
    dataset.coords["Efermi"] = [0.0, 1.0, 2.0]
    monkeypatch.setattr(files, "format_csv", fails)
    with pytest.raises(files.WritingError, match=r"result.csv: OSError: No space left .* \(written: result.nc, ") as info:
        write_results(dataset, tmp_path)
    assert [path.name for path in info.value.written] == ["result.nc", "result_wide.csv", "result.toml", "cite.bib"]
    assert list(info.value.failed) == [tmp_path / "result.csv"]
    xarray.testing.assert_identical(xarray.load_dataset(tmp_path / "result.nc")["a"], dataset["a"])
