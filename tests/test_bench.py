"""The benchmark command, and the comparison of its record with a new one."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.diagnostics.bench import SETS, STAGES

spec = importlib.util.spec_from_file_location("compare", Path(__file__).parent / "benchmarks" / "compare.py")
compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare)


def test_bench_prints_stages_floor_and_ratios(tmp_path, platinum, monkeypatch):
    monkeypatch.setattr("wb_conserved.cli.commands.load_system", lambda _: platinum)
    monkeypatch.setattr("wb_conserved.diagnostics.bench.shutil.which", lambda _: None)
    record = tmp_path / "record.json"
    arguments = ["bench", DATA / "pt" / "Pt", "--mesh", 2, "--repeat", 1, "--levels", 11, "--json", record]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()  # with what a first run says of compilation
    header = next(line for line in lines if line.startswith("ms per k point"))
    rows = lines[lines.index(header) + 1 :][: len(SETS)]
    columns = ["total", "floor", "total/floor", "floor", "total/floor", "peak", "MiB"]
    assert header.split() == ["ms", "per", "k", "point", *STAGES, *columns]
    for row, name in zip(rows, SETS, strict=True):
        assert row.startswith(name)
        values = [float(value) for value in row.removeprefix(name).split()]
        assert len(values) == len(STAGES) + 6
        assert all(value >= 0 for value in values)
        total, floor, ratio, of_kernels, other, _ = values[len(STAGES) :]
        assert ratio == pytest.approx(total / floor, rel=0.02)
        assert other == pytest.approx(total / of_kernels, rel=0.02)
    ratios = json.loads(record.read_text())
    kinds = ("{}: total / floor", "{}: total / floor of kernels", "WannierBerri static.SHC / {}")
    assert set(ratios) == {kind.format(name) for name in SETS for kind in kinds}
    assert all(ratio > 0 for ratio in ratios.values())


@pytest.mark.parametrize(
    ("new", "worse"),
    [
        ({"a: total / floor": 1.5, "b / a": 8.0}, []),
        ({"a: total / floor": 2.5, "b / a": 8.0}, ["a: total / floor"]),
        ({"a: total / floor": 1.5, "b / a": 4.0}, ["b / a"]),
        ({"a: total / floor": 1.0, "b / a": 20.0}, []),
        ({"a: total / floor": 1.5}, ["b / a"]),
    ],
)
def test_a_regression_is_seen(new, worse):
    record = {"a: total / floor": 1.5, "b / a": 8.0}
    assert [line.split(" was ")[0] for line in compare.regressions(record, new, 0.3)] == worse
