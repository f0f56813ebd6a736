"""What is legal but likely not meant is said in one line; what is misspelt is refused as such."""

import logging

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import DensityOfStates, NumberOfElectrons, static, tabulate, thermal
from wb_conserved.driver.doubts import doubts
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import kane_mele, random_model, rashba_gas

GOOD = {"kBT": 0.025, "degen_thresh": 0.01}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(Efermi=[-40.0]), r"Fermi level -40 eV: below all bands, which lie between -?\d"),
        (dict(Efermi=[55.0, 60.0]), r"Fermi levels 55, 60 eV: above all bands, .* results are 0 but for rounding"),
        (dict(kBT=300.0), "kBT = 300 eV is 3481355 K: kBT is in eV"),
        (dict(kBT=[0.01, 0.5]), "kBT = 0.5 eV is 5802 K"),
        (dict(degen_thresh=0.8), "degen_thresh = 0.8 eV: bands that close count as one level"),
        (dict(Efermi=[18.0, 31.0, 45.0]), r"31, 45 eV \(2 of 3\): above the frozen window .* ends at 30 eV; .* dis_froz"),
        (dict(degen_thresh=None), "degen_thresh is not given for σ: bands closer than 0.0001 eV"),
    ],
)
def test_each_is_said_once(platinum, arguments, message, caplog):
    """From Python, by run itself."""
    arguments = {"Efermi": [18.0874]} | GOOD | arguments
    calculators = {"σ": static.ConventionalSpinConductivity(**arguments)}
    with caplog.at_level(logging.WARNING, "wb_conserved.driver"):
        wb_conserved.run(platinum, 2, calculators)
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("task")]
    assert "\n" not in line
    assert line == doubts(platinum, calculators)[0]
    import re

    assert re.search(message, line)


def test_nothing_is_said_of_good_settings(platinum, tellurium, iron, caplog):
    levels = {"platinum": 18.0874, "tellurium": 6.079, "iron": 17.3896}
    for system, level in zip((platinum, tellurium, iron), levels.values(), strict=True):
        scan = level + np.linspace(-8, 2, 5)
        coarse = ["the 4 x 4 x 4 ab initio mesh leaves about 0.27 eV"] if system is iron else []
        for calculators in (
            {"σ": static.ConventionalSpinConductivity(scan, **GOOD)},
            {"N": NumberOfElectrons(scan), "D": DensityOfStates(scan, kBT=0.1)},  # no multiplets enter
        ):
            lines = doubts(system, calculators)
            assert [line[: len(start)] for line, start in zip(lines, coarse, strict=True)] == coarse
    assert doubts(rashba_gas(), {"σ": static.ConventionalSpinConductivity([99.0], **GOOD)}) == []  # nothing is known of it
    named = {"one": static.ConventionalSpinConductivity([0.0]), "two": static.BerrySpinConductivity([0.0])}
    (line,) = doubts(random_model(), named)
    assert "not given for one, two" in line  # one warning for all


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: static.ConservedSpinConductivity([0.0, 0.3, 0.4], kbt=0.1), "found kbt; did you mean kBT?"),
        (lambda: static.ConservedSpinConductivity([0.0], degen_tresh=0.1), "found degen_tresh; did you mean degen_thresh?"),
        (lambda: static.DriftSpinConductivity([0.0], relaxation=3), "did you mean relaxation_time?"),
        (lambda: thermal.KuboConservedSpinNernst([0.0], kbT=1), "did you mean kBT?"),
        (lambda: tabulate.OperatorDipole(iband=3), "did you mean ibands?"),
        (lambda: DensityOfStates([0.0], colour="red"), "found colour$"),
    ],
)
def test_a_misspelt_keyword_is_reported_before_anything_else(make, message):
    with pytest.raises(TypeError, match=rf"expected arguments among .*{message.replace('?', '[?]')}"):
        make()


def test_states_have_no_operator():
    with pytest.raises(ValueError, match="operator: expected none, as DensityOfStates is of no observable; found 'spin'"):
        DensityOfStates([0.0], kBT=0.1, operator="spin")


@pytest.mark.parametrize("command", ["check", "run"])
def test_the_command_says_it_too(tmp_path, platinum, monkeypatch, command):
    from click.testing import CliRunner

    from wb_conserved.cli import job, main

    monkeypatch.setattr(job, "load_system", lambda *_, **__: platinum)
    source = tmp_path / "pt.toml"
    source.write_text(
        '[system]\npath = "Pt"\n[grid]\nmesh = 2\n[fermi]\nlevel = 18.0\nlevels = [-1.0, 0.0, 1.0]\n[temperature]\nkBT = 0.5\n'
        '[multiplets]\nthreshold = 0.9\n[output]\nfolder = "results"\nplot = false\n',
        encoding="utf-8",
    )
    logger = logging.getLogger("wb_conserved")
    before = list(logger.handlers)
    try:
        done = CliRunner().invoke(main, [command, str(source)])
    finally:
        logger.handlers[:] = before
    assert done.exit_code == 0, done.output
    texts = (
        "levels = -1 ... 1 eV lie 17 eV or more",
        "Fermi level -1 eV (1 of 4): below the frozen window of the .win file, which ends at 0 eV",
        "kBT = 0.5 eV is 5802 K",
        "threshold",
    )
    lines = [line for line in done.output.splitlines() if line.startswith("WARNING: ")]
    assert len(lines) == (len(texts) if command == "run" else 0)  # check says them among its points
    for text in texts:
        assert text in " ".join(done.output.split())


def test_eV_taken_for_kelvin_is_said_and_refused_where_it_would_fill_the_memory(platinum):
    """0.025 K: an axis of 10⁸ energies."""
    cold = static.ConventionalSpinConductivity([18.0874], kBT=2.2e-6, degen_thresh=0.01)
    (line,) = doubts(platinum, {"σ": cold})
    assert "kBT = 2.2e-06 eV is 0.0255 K, which no mesh resolves" in line
    with pytest.raises(ValueError, match=r"kBT: expected 0 for steps, or 3\.4e-05 eV and more .*; found 2\.2e-06 eV"):
        static.ConventionalSpinConductivity(18.0 + np.linspace(-8, 4, 5), kBT=2.2e-6, degen_thresh=0.01)


def test_a_frozen_window_is_that_of_disentanglement(tmp_path):
    """Without disentanglement all bands are the crystal's, and nothing is known without the key."""
    from wb_conserved.io.seed_files import frozen_window, read_win

    def window(text):
        path = tmp_path / "x.win"
        path.write_text(text)
        return frozen_window(read_win(path))

    assert window("num_wann = 4\nnum_bands = 8\ndis_froz_max = 3.5\ndis_win_min = -2\n") == (-2.0, 3.5)
    assert window("num_wann = 4\nnum_bands : 8\ndis_froz_min 0.1\ndis_froz_max = 3.5\n") == (0.1, 3.5)
    assert window("num_wann = 4\nnum_bands = 8\ndis_froz_max = 3.5\n") == (-np.inf, 3.5)
    assert window("num_wann = 4\nnum_bands = 4\ndis_froz_max = 3.5\n") is None
    assert window("num_wann = 4\ndis_froz_max = 3.5\n") is None
    assert window("num_wann = 4\nnum_bands = 8\n") is None


class TestPairs:
    """Kramers pairs that localisation has split, told from bands that the crystal splits."""

    def said(self, system, **arguments):
        levels = {"degen_thresh": 0.01, "kBT": 0.025} | arguments
        return [line for line in doubts(system, {"σ": static.ConventionalSpinConductivity([6.0], **levels)}) if "pairs" in line]

    def test_of_localised_functions(self):
        localised = wb_conserved.load_system(DATA / "pt_mlwf" / "Pt")
        (line,) = self.said(localised)
        assert "split by 0.041 eV (median; up to 0.29), not alike at k and −k" in line
        assert "kramers = true" in line
        assert not self.said(localised, degen_thresh=0.4)
        assert not self.said(localised, degen_Kramers=True)

    def test_not_of_a_crystal_that_splits_them(self, platinum, tellurium, iron):
        """Tellurium has no inversion, iron no time reversal; a weak splitting that is even in k is a crystal's, too."""
        assert not any(self.said(system) for system in (platinum, tellurium, iron))
        weak = kane_mele(rashba=0.015, staggered=0.1)
        energies = WannierInterpolator(weak).band_energies(np.random.default_rng(1).random((20, 3)))
        assert 0.02 < np.median(energies[:, 1] - energies[:, 0]) < 0.045 * np.median(energies[:, 2] - energies[:, 1])
        assert not self.said(weak)
