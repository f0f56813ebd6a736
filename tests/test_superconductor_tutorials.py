"""The tutorials about superconductors, which check their limits and stop where one is off; and the page about them."""

import re
import runpy
from pathlib import Path

import pytest

from wb_conserved.calculators import CATALOGUE
from wb_conserved.quasiparticles.pairing import FORMS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "superconductors.md").read_text(encoding="utf-8")


def run(name, folder, *arguments):
    pytest.importorskip("matplotlib")
    runpy.run_path(str(ROOT / "tutorials" / name / f"{name}.py"))["main"](folder, *arguments)
    return sorted(path.name for path in folder.iterdir())


def test_chiral_d_wave(tmp_path, capsys):
    assert run("chiral_d_wave", tmp_path, 120) == ["berry_curvature.png", "charge.png", "temperatures.png"]
    text = capsys.readouterr().out
    assert re.search(r"M_F +orbital magnetization: response to A", text) and "k points that carry the sum: M^s" in text


@pytest.mark.long
def test_chiral_p_wave(tmp_path):
    assert run("chiral_p_wave", tmp_path) == ["magnetization.png"]


def test_page_names_what_there_is():
    table = PAGE.partition("| name | what | unit |")[2].partition("\n\n")[0]
    names = re.findall(r"`(\w+)`", table)
    assert len(names) > 12 and set(names) <= set(CATALOGUE)
    assert set(re.findall(r'"([^"]+)"', PAGE.partition("`pairing(")[2].partition("and more")[0])) <= set(FORMS)


@pytest.mark.long
def test_page_runs():
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    found = {}
    exec(code.replace('"data/', f'"{ROOT}/data/'), found)
    assert found["data"]["specific_heat"].sizes == {"kBT": 3}
