"""Local observables s whose conserved current is computed.

An operator says which matrices it needs, its rank (0 scalar, 1 axial vector), and how it behaves under time reversal.
Inversion leaves every operator here unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Operator:
    """A Hermitian matrix in the Wannier basis.

    Attributes
    ----------
    name : str
    rank : int
        0: scalar, results have no axis for s; 1: axial vector with three components.
    odd_under_time_reversal : bool
    matrix : str or None
        Name of the R-space matrix in the WannierBerri system, None for the identity.
    scale : float
        Factor from that matrix to s (spin: WannierBerri holds Pauli matrices, s = σ/2 in units of ħ).
    unit : str
        Unit of s.
    """

    name: str
    rank: int
    odd_under_time_reversal: bool
    matrix: str | None
    scale: float
    unit: str


SPIN = Operator("spin", rank=1, odd_under_time_reversal=True, matrix="SS", scale=0.5, unit="ħ")
IDENTITY = Operator("identity", rank=0, odd_under_time_reversal=False, matrix=None, scale=1.0, unit="")

_BY_NAME = {operator.name: operator for operator in (SPIN, IDENTITY)}


def get_operator(operator: str | Operator) -> Operator:
    """Operator by name ("spin", "identity"), or as it is.

    Raises
    ------
    ValueError
        Unknown name.
    """
    if isinstance(operator, Operator):
        return operator
    if operator not in _BY_NAME:
        raise ValueError(f"operator: expected one of {sorted(_BY_NAME)}, found {operator!r}")
    return _BY_NAME[operator]
