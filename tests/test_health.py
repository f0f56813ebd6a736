"""Checks of the health of data: each notices what it is for, on data that was spoilt in one way."""

import base64
import copy
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.calculators.static import ConventionalSpinConductivity, KuboConservedSpinConductivity
from wb_conserved.cli import main
from wb_conserved.diagnostics.health import BAD, GOOD, LOOK, examine
from wb_conserved.models import kramers_degenerate, rashba_lattice

LEVEL = 18.0874
INPUT = f"""
[system]
path = "{DATA / "pt" / "Pt"}"
symmetry = ["C4z", "C4x", "Inversion", "TimeReversal"]
[grid]
mesh = 4
[fermi]
level = {LEVEL}
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
compare = [0.1]
[quantities]
names = ["kubo", "conventional"]
[output]
folder = "results"
"""


def checks(system, level=LEVEL, calculators=None, thresholds=None, **options):
    calculators = calculators or {"kubo": KuboConservedSpinConductivity([level], kBT=0.1, degen_thresh=0.01)}
    options = {"scans": False} | options
    return examine(system, level, calculators, thresholds or {}, **options)


def verdicts(health):
    return {line.name: line.verdict for line in health.lines}


@pytest.fixture
def healthy(platinum):
    system = copy.copy(platinum)
    system.set_pointgroup(["C4z", "C4x", "Inversion", "TimeReversal"])
    return system


def spoilt(system, name, change):
    other = copy.copy(system)
    other._XX_R = dict(system._XX_R)
    other.set_R_mat(name, change(np.array(system.get_R_mat(name))), reset=True)
    return other


def test_platinum_is_healthy(healthy):
    found = verdicts(checks(healthy))
    assert found == dict.fromkeys(
        ("Hermiticity", "symmetry", "Kramers pairs", "spin s(k)", "spin complete", "[s, r]", "conservation"), GOOD
    )


def test_hermiticity(healthy):
    def change(matrix):
        matrix[3, 0, 1] += 0.1
        return matrix

    assert verdicts(checks(spoilt(healthy, "Ham", change)))["Hermiticity"] == BAD


def test_symmetry_that_bands_do_not_have_and_none_at_all(healthy):
    zero = healthy.rvec.iR0

    def change(matrix):
        matrix[zero] += np.diag(np.linspace(0, 1, len(matrix[zero])))
        return matrix

    found = verdicts(checks(spoilt(healthy, "Ham", change)))
    assert found["symmetry"] == BAD and found["Kramers pairs"] == BAD
    none = copy.copy(healthy)
    none.set_pointgroup([])
    assert verdicts(checks(none))["symmetry"] == LOOK


def test_spin_beyond_one_and_spin_that_is_not_complete(healthy):
    assert verdicts(checks(spoilt(healthy, "SS", lambda matrix: 1.2 * matrix)))["spin s(k)"] == BAD
    found = verdicts(checks(spoilt(healthy, "SS", lambda matrix: 0.8 * matrix)))
    assert found["spin s(k)"] == GOOD and found["spin complete"] == BAD


def test_commutator_of_spin_and_position(healthy):
    """It is zero for pure spins with equal positions of up and down, whatever the cell of a function is called."""
    model = rashba_lattice()
    model.set_R_mat("AA", np.zeros((*model.get_R_mat("Ham").shape, 3), dtype=complex))
    line = next(line for line in checks(model, level=0.5).lines if line.name == "[s, r]")
    assert line.verdict == GOOD and "0 Å rms" in line.text
    shifted = copy.copy(healthy)  # every second function, of one spin, is elsewhere
    shifted.wannier_centers_cart = np.array(healthy.wannier_centers_cart)
    shifted.wannier_centers_cart[::2] += [0.0, 0.0, 4.0]
    assert verdicts(checks(shifted))["[s, r]"] == BAD


def test_numbers_that_hang_on_mesh_and_threshold():
    """Bands 10 meV apart: one level or two."""
    system, make = rashba_lattice(), ConventionalSpinConductivity
    make = {value: {"c": make([0.5], kBT=0.02, degen_thresh=value)} for value in (1e-4, 0.05, 1.5)}
    health = checks(system, 0.5, make[0.05], {value: make[value] for value in (1e-4, 1.5)}, scans=True, points=20)
    found = verdicts(health)
    assert found["threshold"] == BAD and found["quick mesh"] == LOOK
    mesh, threshold = health.scans
    assert mesh.values == (10, 14, 20) and threshold.values == (1e-4, 0.05, 1.5)
    (values,) = [numbers for _, numbers in threshold.numbers.values()]
    ((_, last),) = mesh.numbers.values()
    assert abs(values[1]) == pytest.approx(abs(last[-1])) and values[2] == pytest.approx(0, abs=1e-12)
    assert health.worst == BAD


def test_data_without_spin_and_remarks():
    health = checks(kramers_degenerate(), 0.0, remarks=["the level is odd"])
    assert [str(line) for line in health.lines][-1] == "look  remark         the level is odd"
    assert "in all: " in str(health)


class TestCommand:
    @pytest.fixture
    def source(self, tmp_path, monkeypatch, platinum):
        monkeypatch.setattr("wb_conserved.cli.job.load_system", lambda *_, **__: copy.copy(platinum))
        (tmp_path / "pt.toml").write_text(INPUT, encoding="utf-8")
        return tmp_path / "pt.toml"

    def test_page(self, source):
        """Whole in one file, with a row for each check and three pictures."""
        pytest.importorskip("matplotlib")
        page = source.with_name("check.html")
        done = CliRunner().invoke(main, ["check", str(source), "--report", str(page)])
        assert done.exit_code == 0, done.output
        text = page.read_text(encoding="utf-8")
        lines = [line for line in done.output.splitlines() if re.match(r"(good|look|bad) ", line)]
        assert len(lines) == text.count('<tr><td class="') >= 9
        assert re.findall(r'(?:src|href)="(?!data:)', text) == []
        pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text)
        assert len(pictures) == 3
        for picture in pictures:
            ElementTree.fromstring(base64.b64decode(picture))
        ElementTree.fromstring(text.split("\n", 1)[1].replace('<meta charset="utf-8">', ""))  # every tag is closed

    def test_quick(self, source):
        done = CliRunner().invoke(main, ["check", str(source), "--quick"])
        assert done.exit_code == 0, done.output
        assert "quick mesh" not in done.output and "good  Hermiticity" in done.output
