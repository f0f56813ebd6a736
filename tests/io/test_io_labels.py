"""Labels of atoms are not species: Te1, Te2 and Te3 are symmetrised like Te."""

import logging

import pytest
from data_folder import DATA
from test_io_symmetry import need_symmetry

from wb_conserved.io import load_system
from wb_conserved.io.projections import species_of


@pytest.fixture
def labelled(tmp_path):
    """Seedname of tellurium without spin matrices, with other labels of its atoms."""

    def change(*labels):
        for ending in ("_tb.dat.xz", "_wsvec.dat.xz", ".nnkp"):
            (tmp_path / f"Te{ending}").symlink_to(DATA / "te" / f"Te{ending}")
        lines = (DATA / "te" / "Te.win").read_text().splitlines()
        first = lines.index("begin atoms_frac") + 1
        for i, label in enumerate(labels, start=first):
            lines[i] = lines[i].replace("Te", label, 1)
        (tmp_path / "Te.win").write_text("\n".join(lines) + "\n")
        return tmp_path / "Te"

    return change


@pytest.mark.parametrize("labels", [("Te1", "Te2", "Te3"), ("Te_a", "te-b", "Te")])
def test_labels_are_not_species(labelled, labels, caplog):
    """Before: 2 operations in place of 12."""
    need_symmetry()
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(labelled(*labels), symmetrize=True, spin_order="interlaced")
    said = ", ".join(sorted(labels))
    assert f"Te.win: atoms labelled {said} are taken as one species, Te; only magnetic_moments" in caplog.text
    assert (system.symmetry_report.size, system.pointgroup.size) == (12, 12)


def test_moments_make_the_difference(labelled):
    """One atom of three that is magnetic leaves what a species of its own left."""
    need_symmetry()
    moments = [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    seed = labelled("Te1", "Te2", "Te3")
    system = load_system(seed, symmetrize=True, spin_order="interlaced", magnetic_moments=moments)
    assert system.symmetry_report.size < 12


@pytest.mark.parametrize(
    ("labels", "species", "lines"),
    [
        (["Te", "Te", "Te"], [1, 1, 1], 0),
        (["Te1", "Te1"], [1, 1], 0),
        (["Ga", "As"], [2, 1], 0),
        (["Fe1", "Fe2", "O1", "O2", "o"], [1, 1, 2, 2, 2], 2),
        (["C", "Cu", "Co1", "CO2"], [1, 3, 2, 2], 1),
        (["1", "2"], [1, 2], 0),
    ],
)
def test_species(labels, species, lines, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        assert species_of("X.win", labels) == species
    assert len(caplog.records) == lines
