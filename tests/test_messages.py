"""The rows of tests/README.md about settings and results: each situation is made, and its line compared."""

import logging

import numpy as np
import pytest
from data_folder import DATA
from messages import printed_as, rows

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.disorder import Impurity, impurity_response
from wb_conserved.errors import InputError

TEST = "test_messages.py"
SETTINGS = {"kBT": 0.025, "degen_thresh": 0.01}
LEVELS = {"platinum": 18.0874, "tellurium": 6.079, "iron": 17.3896}


def runs(name, mesh=2, kind=static.ConventionalSpinConductivity, **arguments):
    """Runs a calculator on a crystal."""

    def situation(system):
        given = {"Efermi": [LEVELS.get(name, 18.0874)], **SETTINGS, **arguments}
        wb_conserved.run(system(name), mesh, {"σ": kind(**given)})

    return situation


def with_symmetry(name, generators):
    """Runs with a point group that the crystal may not have."""

    def situation(system):
        own = wb_conserved.load_system(DATA / {"tellurium": "te/Te", "iron": "fe/Fe"}[name])
        own.set_pointgroup(generators)
        wb_conserved.run(own, 2, {"σ": static.ConventionalSpinConductivity([LEVELS[name]], **SETTINGS)})

    return situation


def scatters(level=18.0874, kBT=0.2, extra_rate=0.001, **of_impurity):
    """Impurities in platinum."""

    def situation(system):
        impurity = Impurity(**{"potential": 1.0, "concentration": 0.01, "atoms": ["Pt"], "orbitals": ["d"]} | of_impurity)
        impurity_response(system("platinum"), 8, impurity, [level], kBT=kBT, degen_thresh=0.01, extra_rate=extra_rate)

    return situation


SITUATIONS = {
    "below_bands": runs("platinum", Efermi=[-40.0]),
    "above_window": runs("iron", Efermi=[45.0]),
    "hot": runs("platinum", kBT=300.0),
    "cold": runs("platinum", kBT=2.2e-6),
    "wide_threshold": runs("platinum", degen_thresh=0.8),
    "no_threshold": runs("platinum", degen_thresh=None),
    "split_pairs": runs("localised"),
    "wrong_bands": with_symmetry("tellurium", ["C2y"]),
    "few_k_points": runs("tellurium", (16, 16, 12), static.ConservedSpinConductivity),
    "few_k_points_of_iron": runs("iron", 12, static.ConservedSpinConductivity),
    "green_function": scatters(level=28.0, potential=-10.0, orbitals=["p"]),
    "unscattered": scatters(orbitals=["dxy"], extra_rate=0.0),
    "no_such_orbital": scatters(orbitals=["f"]),
    "not_hermitian": scatters(potential=[[1.0, 0.2], [0.1, 1.0]]),
    "two_concentrations": scatters(concentration=[0.01, 1.2]),
}


@pytest.fixture
def crystals(platinum, tellurium, iron):
    known = {"platinum": platinum, "tellurium": tellurium, "iron": iron}
    return lambda name: known[name] if name in known else wb_conserved.load_system(DATA / "pt_mlwf" / "Pt")


def test_every_situation_has_a_row():
    assert sorted(name for *_, name in rows(TEST)) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), rows(TEST), ids=[name for *_, name in rows(TEST)])
def test_row(crystals, caplog, situation, message, name):
    """What is printed is what the table says, with … for any text."""
    with caplog.at_level(logging.WARNING, "wb_conserved.driver"):
        try:
            SITUATIONS[name](crystals)
            printed = [record.getMessage() for record in caplog.records if record.name.startswith("wb_conserved.driver")]
            assert not message.startswith("error: ")
        except InputError as error:
            printed = [f"error: {error}"]
    assert any(printed_as(message, line) for line in printed), printed


def test_good_settings_print_nothing(crystals, caplog):
    """On a mesh that is fine enough."""
    with caplog.at_level(logging.WARNING, "wb_conserved.driver"):
        scan = LEVELS["platinum"] + np.linspace(-0.5, 0.5, 3)
        kinds = {"σ_K": static.KuboConservedSpinConductivity, "σ": static.ConventionalSpinConductivity}
        wb_conserved.run(crystals("platinum"), 16, {name: kind(scan, **SETTINGS) for name, kind in kinds.items()})
    assert not [record for record in caplog.records if record.name.startswith("wb_conserved.driver")]
