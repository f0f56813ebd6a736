"""Every example of ``wb-conserved --help``, one after the other as a new user would, in a folder with the data of platinum."""

import re
import shlex
import shutil

import pytest
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main

EXAMPLE = re.compile(r"^ +\$ wb-conserved (.+)$", re.MULTILINE)


def help_of(*command):
    return CliRunner().invoke(main, [*command, "--help"], prog_name="wb-conserved").output


def test_every_command_has_a_place_and_an_example():
    text = help_of()
    examples = [shlex.split(line)[0] for line in EXAMPLE.findall(text)]
    assert sorted(examples) == sorted(main.commands)
    assert examples[:3] == ["init", "check", "run"]
    for name, command in main.commands.items():
        assert command.short_help and not command.short_help.endswith("..."), name
        shown = " ".join(help_of(name).split())
        assert f"Example: {' '.join(command.example.split())}" in shown


def test_all_examples_in_order(tmp_path, monkeypatch):
    """Each ends well, and says something."""
    pytest.importorskip("spglib", reason="spglib is not installed: pip install '.[symmetry]'")
    shutil.copytree(DATA / "pt", tmp_path / "pt", ignore=shutil.ignore_patterns("inputs", "*_hr.dat*", "*_tb.dat*"))
    monkeypatch.chdir(tmp_path)
    for line in EXAMPLE.findall(help_of()):
        done = CliRunner().invoke(main, shlex.split(line), prog_name="wb-conserved")
        assert done.exit_code == 0, f"{line}\n{done.output}"
        assert len(done.output.splitlines()) > 3, line
    assert {"Pt.toml", "check.html", "results"} <= {path.name for path in tmp_path.iterdir()}
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"result.nc", "result.csv", "result_wide.csv", "result.toml", "cite.bib", "convergence", "in-SI.csv"} <= names
