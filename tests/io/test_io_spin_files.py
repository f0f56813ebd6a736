"""A .spn file that belongs to another run is refused, whatever the way in which it does; good ones load as before."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from data_folder import DATA
from spin_files import spins_of, with_spins

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.io import InputError, load_system
from wb_conserved.io import spin_overlaps as module
from wb_conserved.io.bloch_files import read_mmn
from wb_conserved.io.chk import read_checkpoint
from wb_conserved.io.spin_axis import StatedSpins, read_stated_spins

NAMES = ("pt/Pt", "te/Te", "fe/Fe")
SPN, MMN = Path("X.spn"), Path("X.mmn")


@pytest.fixture(scope="module")
def raw():
    """Checkpoint, spins, overlaps, neighbours and steps of the three data sets."""
    found = {}
    for name in NAMES:
        checkpoint = read_checkpoint(DATA / f"{name}.chk.xz")
        overlaps, neighbours, shifts, _ = read_mmn(DATA / f"{name}.mmn.xz", checkpoint)
        points = np.rint(checkpoint.kpoints * checkpoint.mp_grid).astype(int)
        steps = points[neighbours] - points[:, None] + shifts * checkpoint.mp_grid
        found[name] = checkpoint, spins_of(name), overlaps, neighbours, steps
    return found


def turned(spins, unitaries):
    """V†SV."""
    return np.einsum("kmi,kmna,knj->kija", unitaries.conj(), spins, unitaries, optimize=True)


def phases(spins, mesh, kpoints=slice(None), bands=slice(None)):
    """Random phases of the states."""
    angles = np.zeros(spins.shape[:2])
    angles[kpoints, bands] = np.random.default_rng(4).uniform(0, 2 * np.pi, angles[kpoints, bands].shape)
    return turned(spins, np.exp(1j * angles)[:, :, None] * np.eye(spins.shape[1]))


def pairs(spins, mesh):
    """Random 2 x 2 unitaries in pairs."""
    rng, unitaries = np.random.default_rng(4), np.zeros(spins.shape[:3], dtype=complex)
    for band in range(0, spins.shape[1], 2):
        blocks = rng.normal(size=(len(spins), 2, 2)) + 1j * rng.normal(size=(len(spins), 2, 2))
        unitaries[:, band : band + 2, band : band + 2] = np.linalg.qr(blocks)[0]
    return turned(spins, unitaries)


def exchanged(spins, mesh):
    """Bands 5 and 6 of each k point exchanged."""
    order = np.arange(spins.shape[1])
    order[[4, 5]] = order[[5, 4]]
    return spins[:, order][:, :, order]


def fastest_first(spins, mesh):
    """K points with the first coordinate fastest."""
    return spins.reshape(*mesh, *spins.shape[1:]).transpose(2, 1, 0, 3, 4, 5).reshape(spins.shape)


def one_sign(spins, mesh):
    """The sign of one band at one k point."""
    signs = np.ones(spins.shape[:2])
    signs[3, 5] = -1
    return signs[:, :, None, None] * spins * signs[:, None, :, None]


def diagonal(spins, mesh):
    """Expectation values of the bands alone."""
    return spins * np.eye(spins.shape[1])[:, :, None]


OF_OTHER_STATES = {
    "phases": phases,
    "phases at one k point": lambda spins, mesh: phases(spins, mesh, kpoints=[3]),
    "phases of one band": lambda spins, mesh: phases(spins, mesh, bands=[5]),
    "one sign": one_sign,
    "pairs": pairs,
    "bands exchanged": exchanged,
    "bands shifted": lambda spins, mesh: np.roll(spins, 2, axis=(1, 2)),
    "k points in another order": lambda spins, mesh: spins[np.random.default_rng(4).permutation(len(spins))],
    "first coordinate fastest": fastest_first,
    "conjugated": lambda spins, mesh: spins.conj(),
    "diagonal": diagonal,
}
NO_PAULI_MATRICES = {
    "opposite": lambda spins: -spins,
    "y opposite": lambda spins: spins * [1, -1, 1],
    "x and y exchanged": lambda spins: spins[..., [1, 0, 2]],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", OF_OTHER_STATES.values(), ids=OF_OTHER_STATES)
def test_spins_of_other_states(raw, name, change):
    checkpoint, spins, *others = raw[name]
    with pytest.raises(
        InputError,
        match=r"X\.spn: expected spin matrices of the Bloch states of X\.mmn: S\(k\+b\) = M†S\(k\)M .*; found a difference "
        r"that exceeds what they allow by [01]\.\d\d, σ_[xyz] of bands \d+ and \d+ between k points .*\(spins of another run",
    ):
        module.check_spins(SPN, change(spins, checkpoint.mp_grid), MMN, *others)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", NO_PAULI_MATRICES.values(), ids=NO_PAULI_MATRICES)
def test_spins_that_are_no_pauli_matrices(raw, name, change):
    _, spins, *others = raw[name]
    with pytest.raises(
        InputError, match=r"Pauli matrices: σ_x σ_y = i σ_z as far as the bands reach; found .* by 2\.00"
    ):
        module.check_spins(SPN, change(spins), MMN, *others)


@pytest.mark.parametrize("name", NAMES)
def test_spins_of_another_size(raw, name, caplog):
    _, spins, *others = raw[name]
    with pytest.raises(InputError, match="with eigenvalues up to 1; found 0.5 at most everywhere: spins in units of ħ"):
        module.check_spins(SPN, spins / 2, MMN, *others)
    with pytest.raises(InputError, match="a component of opposite sign, or two exchanged"):
        module.check_spins(SPN, spins * [1, 1, 0], MMN, *others)
    for change, mean in (([0, 0, 1], "0.00"), (0.7, "0.[67]")):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "wb_conserved.io"):
            module.check_spins(SPN, spins * change, MMN, *others)
        assert re.search(
            rf"σ_x σ_y / i σ_z is {mean}\d? on average \(1 for Pauli matrices\).*results scale", caplog.text
        )
    caplog.clear()
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        module.check_spins(SPN, spins * 0.8, MMN, *others)
    assert not caplog.records


@pytest.mark.parametrize("name", NAMES)
def test_good_spins_pass_with_margin(raw, name, caplog):
    """What the constants of the module say of good data."""
    checkpoint, spins, *others = raw[name]
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        module.check_spins(SPN, spins, MMN, *others)
        module.check_spin_directions(SPN, spins, checkpoint, read_stated_spins(DATA / f"{name}.nnkp"))
    assert not caplog.records
    excess, _ = module._largest_excess(spins.transpose(3, 0, 1, 2), *others)
    assert excess < -0.015


def test_spins_nearly_of_the_states_are_warned_of(raw, caplog):
    """A state whose spin is mixed with another's by 5 %."""
    _, spins, *others = raw["te/Te"]
    mixed = spins + 0.08 * (exchanged(spins, None) - spins)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        module.check_spins(SPN, mixed, MMN, *others)
    assert "a difference that exceeds what they allow by 0." in caplog.text
    assert "make .mmn and .spn in one run, with the augmentation" in caplog.text


@pytest.mark.parametrize("name", [*NAMES, "pt_mlwf/Pt"])
def test_rotated_spin_axes(raw, name):
    """S_x -> S_y -> S_z -> S_x are Pauli matrices of the same states: only the projections tell."""
    spins, stated = raw[name.replace("_mlwf", "")][1], read_stated_spins(DATA / f"{name}.nnkp")
    checkpoint = read_checkpoint(DATA / f"{name}.chk.xz")
    module.check_spin_directions(SPN, spins, checkpoint, stated)
    for order, signs in (([1, 2, 0], [1, 1, 1]), ([0, 1, 2], [1, -1, -1]), ([2, 1, 0], [1, 1, -1])):
        rotated = spins[..., order] * signs
        with pytest.raises(
            InputError, match=r"along \[0\.0, 0\.0, 1\.0\], the axis of the projections in .*\.nnkp; found"
        ):
            module.check_spin_directions(SPN, rotated, checkpoint, stated)
    along_y = StatedSpins(stated.path, np.tile([0.0, 1.0, 0.0], (len(stated.axes), 1)), stated.lines, stated.signs)
    module.check_spin_directions(SPN, spins[..., [1, 2, 0]], checkpoint, along_y)


def test_nothing_is_said_of_several_axes_and_of_functions_without(raw):
    checkpoint, spins, *_ = raw["pt/Pt"]
    stated = read_stated_spins(DATA / "pt" / "Pt.nnkp")
    mixed = stated.axes.copy()
    mixed[0] = [1, 0, 0]
    for other in (None, StatedSpins(stated.path, mixed, stated.lines, stated.signs)):
        module.check_spin_directions(SPN, spins[..., [1, 2, 0]], checkpoint, other)
    module.check_spin_directions(SPN, 0.4 * spins[..., [1, 2, 0]], checkpoint, stated)


@pytest.mark.parametrize(("name", "change"), [("pt/Pt", phases), ("te/Te", pairs)])
def test_loading_refuses(tmp_path, name, change):
    """Before: 212.8 in place of 1133.6 for σ^s_xyz of platinum with phases, 104.1 in place of 121.3 for tellurium."""
    seed = with_spins(tmp_path, name, change(spins_of(name), None))
    with pytest.raises(InputError, match="spins of another run, of other bands or in another order"):
        load_system(seed)


@pytest.mark.parametrize(("name", "level", "value"), [("pt/Pt", 18.0874, 1133.59), ("te/Te", 6.079, 121.30)])
def test_the_right_value(tmp_path, name, level, value):
    system = load_system(with_spins(tmp_path, name, spins_of(name)))
    calculator = static.ConventionalSpinConductivity([level], kBT=0.025, degen_thresh=0.01)
    result = wb_conserved.run(system, 8, {"conventional": calculator}).results["conventional"]
    assert abs(result.data[0, 0, 1, 2] - value) < 0.01


def test_spin_turned_at_one_point_is_refused(calculation, seed, sibling):
    """It was allowed, with a warning that the interpolated spin exceeds 1."""
    spins = calculation.spins.copy()
    spins[0] *= -1
    calculation.write_spn(sibling(seed, ".spn"), spins=spins)
    with pytest.raises(InputError, match=r"exceeds what they allow by 2\.00.*between k points"):
        load_system(seed)


def test_warning_of_interpolated_spin_says_what_it_means(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(DATA / "te" / "Te")
    assert "the interpolated spin exceeds 1: |eigenvalue| up to 1.24" in caplog.text
    assert "σ is linear in spin, so that contributions of such k points are wrong by up to 25 %" in caplog.text
