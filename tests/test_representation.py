"""Results and systems show themselves, in a terminal and in a notebook."""

import numpy as np
import pytest
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.models import rashba_ferromagnet, rashba_gas, rashba_lattice


@pytest.fixture(scope="module")
def result():
    levels = np.array([0.1, 0.2, 0.3])
    calculators = {
        "conserved": SUMS["conserved"].calculator(levels, kBT=0.1),
        "states": SUMS["density_of_states"].calculator(levels, kBT=0.1),
        "theirs": wannierberri_static.DOS(Efermi=levels),
    }
    return wb_conserved.run(rashba_lattice(), [4, 4, 1], calculators)


def test_result(result):
    text = repr(result)
    first, *rows = text.splitlines()
    assert first.startswith("<RunResult: 4 × 4 × 1, 16 k points evaluated, ")
    assert [row.split()[0] for row in rows] == ["conserved", "states", "theirs"]
    assert "σ_in" in rows[0] and "(Efermi: 3, i: 3, l: 3, s: 3)" in rows[0] and rows[0].endswith("(ħ/|e|) S")
    assert "EnergyResult" in rows[2]


def test_result_in_a_notebook(result):
    text = result._repr_html_()
    assert "σ_in" in text and "&lt;" not in result.select(["conserved"])._repr_html_().partition("</table>")[0]
    assert text.count("<tr>") >= 3 and "xarray" in text


def test_parts_of_a_result(result):
    assert len(repr(result.select(["states"])).splitlines()) == 2
    assert repr(result.select([])).startswith("<RunResult: ")


@pytest.mark.parametrize("system", [rashba_gas(half_width=3.0), rashba_ferromagnet()], ids=["gas", "ferromagnet"])
def test_model(system):
    text = repr(system)
    assert text.startswith(f"<KPSystem: {system.name}, bands: 2, k: |x|, |y| < ") and text.endswith("matrices: SS>")
    html = system._repr_html_()
    assert system.name in html and "| &lt; " in html
