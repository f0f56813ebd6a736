"""The input file beside the results: the same run from there, whatever the folders and however the file is written."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import xarray
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.cli.config import Config, path_keys
from wb_conserved.cli.rebasing import HEADER, rebased
from wb_conserved.cli.section import section_of

INPUT = """\
# my input

[grid]
mesh = 2   # coarse
[system]
path = "{path}"   # four files
[fermi]
level = 18.0874
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[quantities]
names = ["conventional"]
[output]
folder = "{folder}"   # new
plot = false
[run]
checkpoint = "parts of it"
[convergence]
meshes = [1, 2, 3]
"""


def invoke(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Function that writes an input file in folder a, for results in a given folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "data").symlink_to(DATA)
    monkeypatch.chdir(tmp_path)

    def written(folder="../b/results", path="../data/pt/Pt"):
        source = tmp_path / "a" / "pt.toml"
        source.write_text(INPUT.format(folder=folder, path=path), encoding="utf-8")
        return source

    return written


def numbers(folder, name="result.nc"):
    with xarray.open_dataset(folder / name) as data:
        return data.load()


@pytest.mark.parametrize("folder", ["results", "../b/c/results", "."])
def test_runs_again_from_the_results(write, tmp_path, monkeypatch, folder):
    """From any current folder, into the same folder, with the same numbers and the same file."""
    source = write(folder)
    invoke("run", source)
    results = (source.parent / folder).resolve()
    copy, first = results / "input.toml", numbers(results)
    text = copy.read_text(encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for current in (elsewhere, results):
        monkeypatch.chdir(current)
        given = os.path.relpath(copy)
        assert "18 Wannier functions" in invoke("check", given)
        assert "busy 0.0 s" in invoke("run", given, "--overwrite")  # from the same checkpoint
        assert copy.read_text(encoding="utf-8") == text
        xarray.testing.assert_equal(numbers(results), first)
    assert len(list(tmp_path.rglob("result.nc"))) == 1
    assert len([path for path in tmp_path.rglob("parts of it") if path.is_dir()]) == 1


def test_everything_else_stays(write):
    invoke("run", write())
    text = Path("b/results/input.toml").read_text(encoding="utf-8")
    expected = INPUT.format(folder=".", path="../../data/pt/Pt").replace("parts of it", "../../a/parts of it")
    # the link to the data is followed
    expected = expected.replace("../../data/pt/Pt", os.path.relpath(DATA / "pt" / "Pt", Path("b/results").resolve()))
    assert text == HEADER + expected


def test_folder_of_the_command_line(write, tmp_path):
    """It holds the copy, and so the copy's results; absolute paths stay."""
    invoke("run", write(path=DATA / "pt" / "Pt"), "--output", "other/place")
    copy = tmp_path / "other" / "place" / "input.toml"
    settings = tomllib.loads(copy.read_text(encoding="utf-8"))
    assert settings["system"]["path"] == str(DATA / "pt" / "Pt")
    assert settings["output"]["folder"] == "."
    invoke("run", copy, "--overwrite")
    assert len(list(tmp_path.rglob("result.nc"))) == 1


def test_a_series_of_meshes(write, tmp_path):
    """Into the folder of the series, and the results of a run beside it stay."""
    source = write()
    invoke("run", source)
    invoke("convergence", source)
    copy = tmp_path / "b" / "results" / "convergence" / "input.toml"
    first, text = numbers(copy.parent, "convergence.nc"), copy.read_text(encoding="utf-8")
    before = sorted(path for path in tmp_path.rglob("*") if "parts" not in str(path))
    invoke("convergence", copy, "--overwrite")
    xarray.testing.assert_equal(numbers(copy.parent, "convergence.nc"), first)
    assert copy.read_text(encoding="utf-8") == text
    assert sorted(path for path in tmp_path.rglob("*") if "parts" not in str(path)) == before


@pytest.mark.parametrize(
    "text",
    [
        "system.path = 'x/Pt'\noutput.folder = 'r' # here\n",
        'system = {path = "x/Pt", symmetry = ["C4z"]}\noutput = {folder = "r"}\n',
        '[output]\nfolder = """r"""\n[system]\n# "path" below\n"path" = \'x/Pt\'\n',
        "[system]\n  path   =   'x/Pt'    # here\n\n\n[output]\nfolder='r'\n\n# end",
        "[output]\nfolder = 'r'\n[system]\npath = 'x/Pt'\n[run]\ncheckpoint = 'p'\nmemory_per_rank = 1.0\n",
    ],
)
def test_ways_to_write_it(tmp_path, text):
    """Values of paths change, and nothing else."""
    settings = tomllib.loads(text)
    settings["system"]["path"], settings["output"]["folder"] = "../../in/x/Pt", "."
    if "run" in settings:
        settings["run"]["checkpoint"] = "../../in/p"
    copy = rebased(text, tmp_path / "in" / "a.toml", tmp_path / "out" / "deep")
    assert tomllib.loads(copy) == settings
    assert re.findall("#.*", copy)[1:] == re.findall("#.*", text)
    assert rebased(copy, tmp_path / "out" / "deep" / "input.toml", tmp_path / "out" / "deep") == copy


def test_every_path_is_marked():
    """What its description calls relative to the file, and nothing else; a key that names files must say."""
    described = {
        (section, key): field.description
        for section, table in Config.model_fields.items()
        for key, field in section_of(table).model_fields.items()
    }
    assert {place for place, text in described.items() if "relative to the TOML file" in text} == set(path_keys())
    assert {place for place, text in described.items() if re.search("folder|seedname|filename", text)} == set(path_keys())
    assert len(path_keys()) >= 3
