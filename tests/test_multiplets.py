"""Several thresholds in one run, Kramers pairs, near crossings."""

import numpy as np
import pytest

import wb_conserved
from wb_conserved.calculators import equilibrium, static
from wb_conserved.models import random_model

KINDS = {
    "conventional": static.ConventionalSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "kubo": static.KuboConservedSpinConductivity,
    "drift": static.DriftSpinConductivity,
    "Q": equilibrium.TorqueQuadrupole,
    "M": equilibrium.SpinOrbitalMagnetization,
}


def test_thresholds_in_one_run_equal_separate_runs():
    """Whatever the order, and whatever share of k points they change."""
    system, thresholds = random_model(num_orbitals=4, seed=21), (1e-4, 2.0, 0.7, 5.0)
    calculators = {
        (name, threshold): kind([0.2], kBT=1.0, degen_thresh=threshold)
        for threshold in thresholds
        for name, kind in KINDS.items()
    }
    together = wb_conserved.run(system, 6, calculators).results
    for key, calculator in calculators.items():
        alone = wb_conserved.run(system, 6, {"x": calculator}).results["x"].data
        np.testing.assert_allclose(together[key].data, alone, atol=1e-12 * np.abs(alone).max(), err_msg=str(key))
    for name in KINDS:  # the thresholds do matter here
        values = [together[name, threshold].data for threshold in thresholds]
        scale = np.abs(values[0]).max()
        assert np.abs(values[1] - values[0]).max() > 1e-3 * scale, name
        assert np.abs(values[2] - values[0]).max() > 1e-6 * scale, name
