"""Responses that are proportional to a relaxation time."""

from __future__ import annotations

from ..errors import InputError
from ..units import HBAR_EV_FS
from .occupied import OccupationCalculator, is_positive


class WithRelaxation(OccupationCalculator):
    """Base of responses per time, or times a relaxation time.

    Parameters
    ----------
    relaxation_time : float, optional
        In fs.  Default: the result is per fs.
    """

    def __init__(self, Efermi=None, *, relaxation_time: float | None = None, **kwargs):
        if relaxation_time is not None and not is_positive(relaxation_time):
            raise InputError("relaxation_time", "a number > 0 (fs)", repr(relaxation_time))
        self.relaxation_time = relaxation_time
        super().__init__(Efermi, **kwargs)

    def factor(self, system):
        return super().factor(system) * (self.relaxation_time or 1.0) / HBAR_EV_FS

    def unit(self, dimension):
        return super().unit(dimension) + ("" if self.relaxation_time else " / fs")

    def parameters(self):
        time = {} if self.relaxation_time is None else {"relaxation_time_fs": float(self.relaxation_time)}
        return super().parameters() | time  # without one, the unit says that the result is per fs
