"""A point group that bands or spins do not have is refused, from Python as from the command line."""

import copy

import numpy as np
import pytest

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.diagnostics import check_symmetry
from wb_conserved.errors import InputError
from wb_conserved.models import random_model, rashba_gas

OPTIONS = {"kBT": 0.025, "degen_thresh": 0.01}


def with_symmetry(system, generators):
    system = copy.copy(system)
    system.set_pointgroup(generators)
    return system


@pytest.mark.parametrize("generators", [["C2y"], ["Mz"], ["Inversion"], ["C3z", "C2y"]])
def test_run_refuses_what_tellurium_has_not(tellurium, generators):
    """The wrong twofold axis would make the xxx component 0, which is −49."""
    calculators = {"σ": static.ConventionalSpinConductivity([6.079], **OPTIONS)}
    with pytest.raises(InputError, match="symmetry: expected .* point group .*leave out .*generators"):
        wb_conserved.run(with_symmetry(tellurium, generators), 4, calculators)
    with pytest.raises(InputError, match="symmetry"):
        wb_conserved.estimate(with_symmetry(tellurium, generators), 4, calculators)


def test_the_check_can_be_left_out(tellurium):
    calculators = {"σ": static.ConventionalSpinConductivity([6.079], **OPTIONS)}
    wrong = with_symmetry(tellurium, ["C2y"])
    forced = wb_conserved.run(wrong, 4, calculators, check_symmetry=False).results["σ"].data[0]
    true = wb_conserved.run(tellurium, 4, calculators, use_irred_kpt=False, symmetrize=False).results["σ"].data[0]
    assert abs(forced[0, 0, 0]) < 1e-9
    assert abs(true[0, 0, 0]) > 1
    wb_conserved.run(wrong, 4, calculators, use_irred_kpt=False, symmetrize=False)  # no symmetry is used


def test_spins_tell_a_magnet_from_a_crystal_with_time_reversal():
    """Bands that are even in k, spins that are not reversed."""
    system = random_model(4, seed=3)
    system.set_pointgroup(["TimeReversal"])
    with pytest.raises(InputError, match="symmetry: expected the same bands"):
        check_symmetry(system)
    for name in ("Ham", "SS"):  # inversion: X(−R) = X(R)
        matrix = system.get_R_mat(name)
        minus = [system.rvec.iRvec.tolist().index((-R).tolist()) for R in system.rvec.iRvec]
        system.set_R_mat(name, 0.5 * (matrix + matrix[minus]), reset=True)
    spin = np.zeros_like(system.get_R_mat("SS"))
    home = system.rvec.iRvec.tolist().index([0, 0, 0])
    spin[home, ..., 2] = np.diag(np.resize([1.0, 0.5], system.num_wann))
    system.set_R_mat("SS", spin, reset=True)
    with pytest.raises(InputError, match="expected spins of occupied states .* with time reversal"):
        check_symmetry(system)
    system.set_pointgroup(["Inversion"])
    check_symmetry(system)


@pytest.mark.parametrize(
    ("name", "generators"),
    [("platinum", ["C4z", "C4x", "Inversion", "TimeReversal"]), ("tellurium", ["C3z", "C2x", "TimeReversal"])],
)
def test_right_symmetry_passes(request, name, generators):
    system = with_symmetry(request.getfixturevalue(name), generators)
    level = {"platinum": 18.0874, "tellurium": 6.079}[name]
    check_symmetry(system, [level])
    with pytest.raises(InputError, match=r"allowed: 0\.001 eV"):  # these functions have it to 0.02 eV
        check_symmetry(system, [level], tolerance=0.001)


def test_systems_without_matrices_pass():
    system = rashba_gas()
    check_symmetry(system)
