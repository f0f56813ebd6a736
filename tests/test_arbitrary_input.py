"""Whatever is in an input file or among the arguments: a documented code, one line for each problem, no traceback."""

import copy
import re
import string
from pathlib import Path

import pytest
from click.testing import CliRunner
from data_folder import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wb_conserved.calculators import OVER_LEVELS
from wb_conserved.cli import main
from wb_conserved.cli.config import Config, model_of
from wb_conserved.driver.grid import MOST_KPOINTS

CODES = {0, 2}
"""None of these inputs may fail otherwise: 1 is for faults, 75 for signals."""

GOOD = {
    "system": {"path": str(DATA / "pt" / "Pt"), "symmetry": ["Inversion", "TimeReversal"]},
    "grid": {"mesh": 2},
    "fermi": {"level": 18.0874},
    "temperature": {"kBT": 0.1},
    "multiplets": {"threshold": 0.01},
    "quantities": {"names": ["kubo"]},
    "output": {"folder": "results", "plot": False},
}
quick = settings(
    derandomize=True, deadline=None, max_examples=100, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def toml(value):
    """A value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(_escaped(letter) for letter in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _escaped(letter):
    return f"\\U{ord(letter):08x}" if letter in '"\\' or not letter.isprintable() else letter


def document(sections):
    return "\n".join(
        ("[[impurity]]\n" if name == "impurity" else f"[{name}]\n")
        + "\n".join(f"{toml(key)} = {toml(value)}" for key, value in section.items())
        for name, section in sections.items()
    )


numbers = st.one_of(
    st.integers(-3, 9), st.sampled_from([10**6, 10**9, 2**31, 2**63, 10**30]), st.floats(),
    st.sampled_from([0.0, -0.0, 1e-300, 1e-12, 0.1, 1e300, 18.0874]),
)  # fmt: skip
words = st.one_of(
    st.sampled_from(["", "spin", "identity", "auto", "qiao", "interlaced", "cell", "cm3", "xyz", "xx", "C4z", "Inversion"]),
    st.sampled_from(list(OVER_LEVELS)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
scalars = st.one_of(numbers, words, st.booleans())
values = st.one_of(
    scalars, st.lists(scalars, max_size=4), st.lists(st.lists(numbers, max_size=3), max_size=3),
    st.dictionaries(words, scalars, max_size=2),
)  # fmt: skip
keys = st.sampled_from(
    [(section, key) for section in Config.model_fields for key in model_of(section).model_fields]
    + [("system", "Path"), ("girds", "mesh")]
)
changes = st.lists(st.tuples(keys, st.one_of(values, st.none())), min_size=1, max_size=3)


@pytest.fixture
def folder(tmp_path, monkeypatch, platinum):
    """An empty folder to work in; data is there at once."""
    from wb_conserved.cli import job

    load = job.load_system

    def at_once(path, **options):
        plain = all(value in (None, False, "auto", "projected", True, [True] * 3) for value in options.values())
        plain = plain and not options["symmetrize"] and isinstance(options["ws_distance"], str)
        return copy.copy(platinum) if plain and str(path) == GOOD["system"]["path"] else load(path, **options)

    monkeypatch.setattr(job, "load_system", at_once)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ends_well(arguments, name=""):
    """Runs a command, which must end with a code that it may have, without a traceback, and name a file where it refuses."""
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, repr(done.exception))
    assert done.exit_code in CODES, (arguments, done.output)
    assert "--debug" in arguments or "Traceback" not in done.output
    if done.exit_code == 2 and name:  # the input file and the key, or a file that it names
        last = done.stderr.splitlines()[-1]
        assert re.fullmatch(r"wb-conserved: [^:].*: expected .+; found .+", last), (arguments, done.output)
    return done


class TestInputFiles:
    """TOML that is good but for some keys."""

    @quick
    @given(changes, st.sampled_from(["check", "run", "convergence"]))
    def test_any_values(self, folder, found, command):
        sections = copy.deepcopy(GOOD)
        for (section, key), value in found:
            sections.setdefault(section, {})[key] = value
            if value is None:
                del sections[section][key]
        Path("in.toml").write_text(document(sections), encoding="utf-8")
        ends_well([command, "in.toml", *(["--dry-run"] if command == "run" else [])], "in.toml")

    @quick
    @given(changes)
    def test_any_impurities(self, folder, found):
        sections = copy.deepcopy(GOOD) | {"impurity": {"potential": 1.0, "concentration": 0.01, "orbitals": [0, 1]}}
        del sections["quantities"]
        for (section, key), value in found:
            sections.setdefault(section, {})[key] = value
            if value is None:
                del sections[section][key]
        Path("in.toml").write_text(document(sections), encoding="utf-8")
        ends_well(["check", "in.toml"], "in.toml")

    @quick
    @given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.text(string.printable), st.binary()))
    def test_any_text(self, folder, text):
        Path("in.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        assert ends_well(["run", "in.toml", "--dry-run"], "in.toml").exit_code == 2


ARGUMENTS = "--output --overwrite --dry-run --verbose --debug --mesh --levels --repeat --json --help".split()


@quick
@given(
    st.sampled_from(["run", "check", "convergence", "bench", "--version", "", "-x", "rnu"]),
    st.lists(st.one_of(st.sampled_from(ARGUMENTS), st.text(string.printable.replace("\0", ""), max_size=4)), max_size=4),
)
def test_any_arguments(folder, command, arguments):
    ends_well([command, *arguments])


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("grid", "mesh", 10**6, f"[grid] mesh: expected {MOST_KPOINTS:.0e} k points at most, such as 4641 along each"),
        ("grid", "mesh", [10**12, 1, 1], "found 1000000000000 × 1 × 1, 1e+12 k points"),
        ("grid", "mesh", 10**30, "[grid] mesh: expected a positive integer"),
        ("fermi", "points", 10**8, "[fermi] points: expected an integer >= 2 and <= 100000"),
        ("convergence", "meshes", [10, 8, 6], "[convergence] meshes[1]: expected a mesh finer than the one before"),
        ("convergence", "meshes", [4, 6], "[convergence] meshes: expected a list of at least three meshes"),
        ("convergence", "meshes", [4, 6, 10**6], "[convergence] meshes[2]: expected 1e+11 k points at most"),
        ("quantities", "names", ["kubo", "berry", "kubo"], "[quantities] names: expected 'kubo' once; found it 2 times"),
        ("output", "components", ["xyz", "xyz"], "[output] components: expected 'xyz' once; found it 2 times"),
        ("multiplets", "compare", [0.1, 0.2, 0.1], "[multiplets] compare: expected 0.1 once; found it 2 times"),
        ("temperature", "kBT", [0.1, 0.2, 0.1], "[temperature] kBT: expected 0.1 once; found it 2 times"),
        ("output", "folder", "a\0b", "[output] folder: expected a string"),
    ],
)
def test_refused_at_once(folder, command, section, key, value, said):
    sections = copy.deepcopy(GOOD)
    sections.setdefault(section, {})[key] = value
    if key == "points":
        sections["fermi"]["window"] = [-1.0, 1.0]
    Path("in.toml").write_text(document(sections), encoding="utf-8")
    done = ends_well([command, "in.toml", *(["--dry-run"] if command == "run" else [])], "in.toml")
    assert done.exit_code == 2
    assert f"wb-conserved: in.toml: {said}" in done.stderr or said in done.stderr


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"adpt_num_iter": 10**9}, "[grid] adpt_num_iter: expected a refinement with at most 1e+07 new K points"),
        ({"adpt_num_iter": 1, "adpt_mesh": 10**6}, "[grid] adpt_mesh: expected a refinement with at most 1e+07 new K points"),
    ],
)
def test_refinement_without_end(folder, grid, said):
    sections = copy.deepcopy(GOOD)
    sections["grid"] |= grid
    Path("in.toml").write_text(document(sections), encoding="utf-8")
    done = ends_well(["run", "in.toml", "--dry-run"], "in.toml")
    assert done.exit_code == 2 and f"in.toml: {said}" in done.stderr


@pytest.mark.parametrize("operator", ["identity", "charge"])
@pytest.mark.parametrize("names", [["kubo"], ["conventional"], ["density_of_states"]])
def test_spin_current_of_another_operator(folder, names, operator):
    sections = copy.deepcopy(GOOD)
    sections["system"]["spin_current"] = "qiao"
    sections["quantities"] = {"names": names, "operator": operator}
    Path("in.toml").write_text(document(sections), encoding="utf-8")
    done = ends_well(["check", "in.toml"], "in.toml")
    assert done.exit_code == 2 and "in.toml: [system] spin_current: expected 'projected'" in done.stderr


class TestDebug:
    """--debug shows where an error of the user came from; nothing else does."""

    @pytest.mark.parametrize("command", ["run", "check", "convergence"])
    def test_traceback(self, folder, command):
        Path("in.toml").write_text(document(GOOD | {"grid": {"mesh": 0}}), encoding="utf-8")
        plain, shown = (CliRunner().invoke(main, [command, "in.toml", *more]) for more in ([], ["--debug"]))
        assert (plain.exit_code, shown.exit_code) == (2, 2)
        assert plain.stderr.startswith("wb-conserved: in.toml: [grid] mesh: expected")
        assert "Traceback" in shown.stderr and "read_config" in shown.stderr
        assert shown.stderr.endswith(plain.stderr)

    def test_no_memory(self, folder, monkeypatch):
        from wb_conserved.cli import commands

        def none(*_, **__):
            raise MemoryError("Unable to allocate 7 PiB")

        monkeypatch.setattr(commands, "estimate", none)
        Path("in.toml").write_text(document(GOOD), encoding="utf-8")
        done = CliRunner().invoke(main, ["run", "in.toml", "--dry-run"])
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1].startswith("wb-conserved: not enough memory (Unable to allocate 7 PiB): fewer ")


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_summaries_are_not_cut(width):
    done = CliRunner().invoke(main, ["--help"], terminal_width=width)
    text = " ".join(done.output.split())
    assert "..." not in text.split("Begin:")[1]
    for command in main.commands.values():
        assert " ".join(command.help.split("\n\n")[0].split()) in text
