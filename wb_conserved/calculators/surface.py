"""The width of the Fermi surface at zero temperature: given, or the spacing of a uniform scan."""

from __future__ import annotations

import numpy as np

from ..errors import InputError


def listed(temperatures):
    """Temperatures as text."""
    return ", ".join(f"{kBT:g}" for kBT in temperatures)


def surface_width(scan, width, uses_surface, name, electrons):
    """Half-width of the box for −∂f/∂ε at kBT = 0, and where it comes from; None where it has no use."""
    hot = scan.temperatures[0] > 0
    if width is not None and (hot or not uses_surface):
        sets = f"kBT = {listed(scan.temperatures)} eV sets the width of the Fermi surface"
        reason = sets if hot else f"{name} has no Fermi-surface term"
        raise InputError("fermi_surface_width", f"none, as {reason}", repr(width))
    if hot or not uses_surface:
        return None, ""
    if width is not None:
        if not width > 0:
            raise InputError("fermi_surface_width", "a number > 0 (eV)", repr(width))
        return float(width), "given"
    if electrons:
        expected = f"a number > 0 (eV), or kBT > 0, as {name} has a Fermi-surface term, which needs a width at kBT = 0"
        raise InputError("fermi_surface_width", expected, f"none, with electrons: {electrons}")
    levels = scan.levels
    spacing = np.diff(levels)
    if len(spacing) == 0 or not spacing[0] > 0 or np.ptp(spacing) > 1e-6 * spacing[0]:
        raise InputError(
            "fermi_surface_width",
            f"a number > 0 (eV), or kBT > 0, or a uniform ascending Efermi whose spacing serves, as {name} has a Fermi-surface "
            "term, which needs a width at kBT = 0",
            f"{len(levels)} Fermi level(s), which are not uniform, from {levels[0]:g} to {levels[-1]:g} eV",
        )
    return float(spacing.mean()), "spacing of the scan"
