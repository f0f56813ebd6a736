"""Results of observables that crystal operations exchange: WannierBerri's result objects, except that they refuse to be
symmetrised.

``wannierberri.run`` symmetrises what a calculator returns, also after it has reduced the mesh, and asks only the result
how to do so.  `wb_conserved.run` asks the calculator first (`needs_full_mesh`), before anything is computed.
"""

from __future__ import annotations

import numpy as np
from wannierberri.result import EnergyResult, KBandResult

HOW_TO = "use_irred_kpt=False and symmetrize=False"


def _refuse(sym):
    if sym.TR or sym.Inv or not np.allclose(sym.R, np.eye(3)):
        raise ValueError(
            "use_irred_kpt, symmetrize: expected False for a calculator whose operator may be exchanged by symmetry "
            f"operations (a layer, a sublattice, a matrix), found a symmetrised run; run with {HOW_TO}"
        )


class FullMeshEnergyResult(EnergyResult):
    """`EnergyResult` that cannot be symmetrised."""

    def transform(self, sym):
        """The result itself for the identity, an error for every other operation."""
        _refuse(sym)
        return super().transform(sym)


class FullMeshBandResult(KBandResult):
    """`KBandResult` that cannot be symmetrised."""

    def transform(self, sym):
        """The result itself for the identity, an error for every other operation."""
        _refuse(sym)
        return super().transform(sym)


def needs_full_mesh(calculator) -> list[str]:
    """What keeps results of a calculator from being symmetrised: operators in it, or in the tabulators that it holds, that
    symmetry operations may exchange; impurities."""
    if getattr(calculator, "needs_impurities", False):
        return ["impurities, which need not have the symmetry of the crystal"]
    parts = [calculator, *getattr(calculator, "tabulators", {}).values()]
    operators = [getattr(part, "operator", None) for part in parts]
    return [
        f"the operator {operator.name}, which operations of the crystal may exchange"
        for operator in operators
        if not getattr(operator, "symmetric", True)
    ]


def check_full_mesh(calculators, pointgroup):
    """Refuse to symmetrise results of operators that the operations of a point group may exchange, or with impurities.

    Parameters
    ----------
    calculators : mapping of str to calculator
    pointgroup : wannierberri.symmetry.point_symmetry.PointGroup

    Raises
    ------
    ValueError
        There is such a calculator, and a symmetry operation besides the identity.
    """
    if pointgroup.size == 1:
        return
    for name, calculator in calculators.items():
        for reason in needs_full_mesh(calculator):
            declared = ", or declare symmetric=True where the operator has it" if "operator" in reason else ""
            raise ValueError(
                f"calculators[{name!r}]: expected the full k mesh without symmetrisation for {reason}, found "
                f"{pointgroup.size} symmetry operations to use; run with {HOW_TO}{declared}"
            )
