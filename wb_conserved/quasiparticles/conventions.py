"""Conventions of exchange parameters, the source of most wrong factors: which energy a list of bonds stands for.

    E = f Σ S_i·J_ij·S_j + Σ_i S_i·A_i·S_i − g μ_B Σ_i B·S_i

The first sum is over pairs, each once or twice; S are vectors of length S or unit vectors.  Spins point along their moments,
and the sign of A is that of the equation in every convention.  Inside, E = ½ Σ S_i·J_ij·S_j over both orders of each pair,
with vectors of length S.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np

from ..errors import InputError

_LENGTHS, _COUNTS = ("length S", "unit vectors"), ("once", "twice")


@dataclass(frozen=True)
class Convention:
    """What bonds mean.

    Parameters
    ----------
    factor : float
        f.  −1 or −½: positive J are ferromagnetic.
    pairs : {"once", "twice"}
        Whether the sum has each pair of sites once, or in both orders.
    spins : {"length S", "unit vectors"}

    Raises
    ------
    InputError
        Others.
    """

    factor: float
    pairs: str
    spins: str

    def __post_init__(self):
        number = isinstance(self.factor, int | float) and not isinstance(self.factor, bool)
        if not number or not np.isfinite(self.factor) or self.factor == 0:
            raise InputError("convention: factor", "a number other than 0, such as 0.5 or -1", repr(self.factor))
        for name, options in (("pairs", _COUNTS), ("spins", _LENGTHS)):
            if getattr(self, name) not in options:
                raise InputError(f"convention: {name}", " or ".join(map(repr, options)), repr(getattr(self, name)))

    def __str__(self):
        return f"E = {self.factor:g} Σ S·J·S, each pair {self.pairs}, {self.spins}"

    def exchange(self, matrix: np.ndarray, first: float, second: float) -> np.ndarray:
        """J of E = ½ Σ S·J·S over both orders with vectors of length S, from that of this convention.

        Parameters
        ----------
        matrix : float array (3, 3)
            eV.
        first, second : float
            Lengths S of the two spins.
        """
        scale = self.factor * (1.0 if self.pairs == "once" else 2.0)
        return scale * matrix / (first * second if self.spins == "unit vectors" else 1.0)

    def anisotropy(self, matrix: np.ndarray, length: float) -> np.ndarray:
        """A for vectors of length S, from that of this convention."""
        return matrix / length**2 if self.spins == "unit vectors" else matrix


CONVENTIONS = {
    "half": Convention(0.5, "twice", "length S"),
    "bonds": Convention(1.0, "once", "length S"),
    "tb2j": Convention(-1.0, "twice", "unit vectors"),
    "sprkkr": Convention(-1.0, "twice", "unit vectors"),
    "spinw": Convention(1.0, "once", "length S"),
    "sunny": Convention(1.0, "once", "length S"),
    "vampire": Convention(-1.0, "once", "unit vectors"),
}
"""Conventions by name: "half" is E = ½ Σ S·J·S over both orders, "bonds" E = Σ S·J·S over pairs; others are those of codes."""


def get_convention(convention: str | Convention) -> Convention:
    """Convention by name, or as it is.

    Raises
    ------
    InputError
        Unknown names.
    """
    if isinstance(convention, Convention):
        return convention
    if convention not in CONVENTIONS:
        close = difflib.get_close_matches(str(convention), CONVENTIONS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        expected = f"a Convention(factor, pairs, spins), or one of {', '.join(map(repr, CONVENTIONS))}"
        raise InputError("convention", expected, f"{convention!r}{hint}")
    return CONVENTIONS[convention]
