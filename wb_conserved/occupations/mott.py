r"""Entropy weights by the Mott relation, numerically: a check of `FermiDirac` that takes another way.

.. math:: \Sigma_n S(\bar\varepsilon_n - \mu) X_n = \frac{1}{kT}\int d\varepsilon
    \left(-\frac{\partial f}{\partial\varepsilon}\right)(\varepsilon-\mu)\,\Sigma_n\theta(\varepsilon-\bar\varepsilon_n) X_n

The sums under the integral are those at zero temperature, on a scan of its own for each temperature, kT/32 apart, and the
integral is a trapezoidal sum over it.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .axis import StepAxis
from .fermi import fermi_slope
from .scan import Scan, ScanStatistics

_NODES_PER_KT = 32
_REACH = 40  # in units of kT


class Mott(ScanStatistics):
    """Entropy weights from steps.

    Parameters
    ----------
    scan_axes : Scan
        Temperatures above zero.
    """

    name = "the Mott relation"
    weights = ("entropy", "entropy_surface")

    def __init__(self, scan_axes: Scan):
        if not scan_axes.temperatures.min() > 0:
            raise InputError("kBT", "a number > 0 (eV) for the Mott relation", repr(scan_axes.temperatures.min()))
        scans = [_steps(kBT, levels) for kBT, levels in scan_axes.groups]
        ends = [scan + side * (scan[1] - scan[0]) for scan in scans for side in (-1, 0, 1)]
        super().__init__(scan_axes, StepAxis(np.concatenate(ends)))

    def weigh_levels(self, weight, kBT, levels, *spectra):
        scan = _steps(kBT, levels)
        spacing = scan[1] - scan[0]
        if weight == "entropy":
            sums = self.axis.below(spectra[0], scan)
        else:
            sums = self.axis.below(spectra[0], scan + spacing) - self.axis.below(spectra[0], scan - spacing)
            sums = sums / (2 * spacing)
        x = (scan - levels[:, None]) / kBT
        return np.tensordot(x * fermi_slope(x) * spacing / kBT, sums, axes=1)


def _steps(kBT, levels):
    """Energies of the sum over the integrand for all levels."""
    spacing, margin = kBT / _NODES_PER_KT, _REACH * kBT
    return np.arange(levels.min() - margin, levels.max() + margin + spacing, spacing)
