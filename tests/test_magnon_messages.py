"""The rows of tests/README.md about magnons and phonons: each situation is made, and its line compared."""

import logging

import pytest
from data_folder import DATA
from messages import printed_as, rows

import wb_conserved
from wb_conserved.calculators.thermal import ConservedSpinNernst
from wb_conserved.errors import InputError
from wb_conserved.quasiparticles import (
    SpinModel,
    honeycomb_magnet,
    honeycomb_springs,
    jarosite,
    phonon_system,
    triangular_antiferromagnet,
)

TEST = "test_magnon_messages.py"
SITUATIONS = {
    "goldstone": lambda: honeycomb_magnet(anisotropy=0.0, antisymmetric=0.0).to_system(),
    "spurious": lambda: triangular_antiferromagnet().to_system(regulator=1e-3),
    "unstable": lambda: honeycomb_magnet(exchange=1.0).with_directions([[0, 0, 1]] * 2).to_system(),
    "single_calculation": lambda: SpinModel.read(DATA / "fe_exchange" / "exchange.xml"),
    "threshold": lambda: wb_conserved.run(jarosite().to_system(), 4, {"α": ConservedSpinNernst(kBT=4e-3)}),
    "acoustic": lambda: phonon_system(honeycomb_springs(), periodic=(True, True, False)),
}


def test_every_situation_has_a_row():
    assert sorted(name for *_, name in rows(TEST)) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), rows(TEST), ids=[name for *_, name in rows(TEST)])
def test_row(caplog, situation, message, name):
    """What is printed is what the table says, with … for any text."""
    with caplog.at_level(logging.WARNING, "wb_conserved"):
        try:
            SITUATIONS[name]()
            printed = [record.getMessage() for record in caplog.records]
            assert not message.startswith("error: ")
        except InputError as error:
            printed = [f"error: {error}"]
    assert any(printed_as(message, line) for line in printed), printed
