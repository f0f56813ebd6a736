"""The public names as a type checker of users sees them: .ci/full runs ``mypy --strict`` on this; nothing of it is executed.

``assert_type`` states what comes back.  WannierBerri has no types, so that what is its own is Any.
"""

from typing import Any, assert_type

import numpy as np
import xarray

import wb_conserved
from wb_conserved import (
    InputError,
    conservation_report,
    convergence,
    estimate,
    kramers_pairs,
    load_system,
    near_crossings,
    regular_grid,
    run,
    scan_thresholds,
    to_dataset,
)
from wb_conserved.calculators import SUMS, Electrons, Entry
from wb_conserved.calculators.static import KuboConservedSpinConductivity
from wb_conserved.diagnostics import ConservationReport, CrossingReport, KramersReport, ThresholdReport
from wb_conserved.diagnostics.mesh_series import ConvergenceResult
from wb_conserved.driver.plan import Plan
from wb_conserved.models import KPSystem, lattice_system, rashba_gas, supercell
from wb_conserved.operators import Operator, layer, matrix_operator, sublattice
from wb_conserved.results import RunResult

assert_type(wb_conserved.__version__, str)

system = load_system("X", spin_order=[(0, 1)], periodic=(True, True, False))
kubo = KuboConservedSpinConductivity([0.1, 0.2], kBT=[0.01, 0.02], degen_thresh=0.01)
counted = KuboConservedSpinConductivity(Electrons(18.0), kBT=0.01)
entry: Entry = SUMS["kubo"]
calculators: dict[str, Any] = {"kubo": kubo, "other": entry.calculator(0.1)}

assert_type(run(system, 10, calculators), RunResult)
assert_type(run(system, [10, 10, 1], calculators, checkpoint="folder", adpt_num_iter=2), RunResult)
assert_type(run(system, 10, calculators).to_dataset(comment="x"), xarray.Dataset)
assert_type(run(system, 10, calculators).select(["kubo"]), RunResult)
assert_type(to_dataset(run(system, 10, calculators)), xarray.Dataset)
assert_type(estimate(system, np.array([4, 4, 4]), calculators), Plan)
assert_type(convergence(system, [10, 12, [14, 14, 1]], calculators), ConvergenceResult)
assert_type(conservation_report(system, 10, [0.1], kBT=0.1), ConservationReport)
assert_type(kramers_pairs(system, window=(0.0, 1.0)), KramersReport)
assert_type(near_crossings(system, 10, kubo, (0, 1, 2)), CrossingReport)
assert_type(scan_thresholds(system, 10, {"kubo": KuboConservedSpinConductivity}, [0.01], 0.1), ThresholdReport)
regular_grid(system, [4, 4, 4])

assert_type(rashba_gas(half_width=3.0), KPSystem)
supercell(lattice_system(np.eye(3), {(0, 0, 0): [[0.0]]}, periodic=(True, True, False)), (2, 2, 1))
assert_type(layer(system, z_cut=1.0), Operator)
assert_type(sublattice(system, plus=[0], minus=[1]), Operator)
assert_type(matrix_operator([[1.0]], odd_under_time_reversal=False), Operator)


def refused(error: InputError) -> str:
    """An error of the user."""
    return str(error)


misspelt = wb_conserved.misspelt  # type: ignore[attr-defined]
run(system)  # type: ignore[call-arg]
run(system, 10, calculators, no_such_option=1)  # type: ignore[call-arg]
