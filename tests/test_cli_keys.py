"""Keys as a list, made from the models; values from the command line in place of those of the file."""

import copy
import tomllib

import pytest
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.cli.config import Config
from wb_conserved.cli.keys import all_keys, sections
from wb_conserved.cli.overrides import assignments, overridden
from wb_conserved.errors import InputError

INPUT = f"""
[system]   # platinum
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
[output]
folder = "results"
plot = false
"""


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_key_of_the_models_with_what_it_means():
    text = invoke("keys").output
    found = {(key.section, key.name): key for key in all_keys()}
    for section, (model, _) in sections().items():
        assert f"[{section}]" in text
        for name, field in model.model_fields.items():
            assert field.description, (section, name)
            assert found[section, name].meaning == field.description
            assert f"\n  {name}  (" in text
    assert set(sections()) == set(Config.model_fields)


def test_defaults_units_and_options_of_quantities():
    found = {f"{key.section}.{key.name}": key for key in all_keys()}
    assert (found["multiplets.threshold"].default, found["multiplets.threshold"].unit) == ("required", "eV")
    assert (found["temperature.kelvin"].default, found["temperature.kelvin"].unit) == ("—", "K")
    assert found["quantities.names"].default == '["kubo", "conserved", "conventional"]'
    assert found["quantities.options.drift.relaxation_time"].meaning.startswith("float, optional: In fs.")


def test_keys_that_were_asked_for():
    text = invoke("keys", "temperature", "mesh").output
    tables = ["[grid]", "[temperature]", "[convergence]", "[superconductor]"]
    assert [line for line in text.splitlines() if line.startswith("[")] == tables
    refused = invoke("keys", "temprature")
    assert refused.exit_code == 2 and "found 'temprature'" in refused.output
    assert "| `mesh` | required |" in invoke("keys", "grid", "--markdown").output


def test_values_of_the_command_line():
    assert assignments(["grid.mesh=[4, 4, 6]", "system.path=data/Pt"], None, None) == {
        "grid.mesh": [4, 4, 6],
        "system.path": "data/Pt",
    }
    assert assignments([], "4x5x6", "kubo, berry") == {"grid.mesh": [4, 5, 6], "quantities.names": ["kubo", "berry"]}
    for settings, mesh in ((["grid"], None), ([], "4x4"), ([], "many")):
        with pytest.raises(InputError, match="expected"):
            assignments(settings, mesh, None)


def test_the_text_of_the_input_keeps_everything_else():
    text = overridden(INPUT, {"grid.mesh": 7, "quantities.options.drift.relaxation_time": 10.0})
    assert "[system]   # platinum" in text
    found, before = tomllib.loads(text), tomllib.loads(INPUT)
    assert found.pop("quantities") == {"options": {"drift": {"relaxation_time": 10.0}}}
    assert found.pop("grid") == {"mesh": 7} and before.pop("grid") == {"mesh": 6}
    assert found == before


def test_run_with_values_of_the_command_line(tmp_path, monkeypatch, platinum):
    """They are in force, and in the input file beside the results."""
    monkeypatch.setattr("wb_conserved.cli.job.load_system", lambda *_, **__: copy.copy(platinum))
    (tmp_path / "pt.toml").write_text(INPUT, encoding="utf-8")
    arguments = ["--mesh", 2, "--quantities", "berry", "--set", "temperature.kBT=0.2"]
    done = invoke("run", tmp_path / "pt.toml", *arguments)
    assert done.exit_code == 0, done.output
    assert "mesh 2 × 2 × 2, kBT = 0.2 eV" in done.output and "\nσ_K" not in done.output
    written = tomllib.loads((tmp_path / "results" / "input.toml").read_text(encoding="utf-8"))
    assert written["quantities"]["names"] == ["berry"]
    refused = invoke("run", tmp_path / "pt.toml", "--set", "grid.mish=3")
    assert refused.exit_code == 2 and "[grid] mish: expected one of mesh" in refused.output
