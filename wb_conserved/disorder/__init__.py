r"""Disorder: what impurities do to a current (XN 13–15), in the dilute limit.

A fraction c of the cells carries an impurity, a Hermitian matrix W on some Wannier functions.  The kernel of its collisions
has the rank of the square of their number, so that the Boltzmann equation is solved exactly by passes over k and a small
linear system at every energy (`kinetics`).  With the dressed states

.. math:: |D_iU\rangle=\sum_{m\notin M}\frac{|m\rangle v^i_{mn}}{\varepsilon_n-\varepsilon_m},\quad
    |\delta_OU\rangle=\sum_{m\notin M}\frac{|m\rangle O_{mn}}{\varepsilon_n-\varepsilon_m}

the currents of s along i are :math:`e\int d\varepsilon(-\partial f/\partial\varepsilon)` of

- drift (XN 13): Σ w Re tr[g^l ½{v^i, s}], blocks of v and s in each multiplet; beyond Born order it contains skew scattering
- side jump (XN 14): 2πc{−Im Tr[W X^{is} W F^l] − Im Tr[WAW Y^{ils}]}, X = Σ w U s (D_iU)†, Y = Σ w D_iU ½{s, g^l} U†
- anomalous distribution: C[g_a] = 2πc{im[U†W X^{l,1} W U] + im[U†WAW D_lU]}, then Σ w Re tr[g_a v^i s]
- Gaussian skew scattering: see `passes.SkewSums`

`energy_axis` weighs and `shells` finds the states, `scattering` has the rates, `passes` sums, `response` gives the results.
"""

from .energy_axis import EnergyAxis
from .impurities import Impurity
from .response import ADDED, PARTS, ImpurityResult, impurity_response
from .scattering import ORDERS

__all__ = ["ADDED", "ORDERS", "PARTS", "EnergyAxis", "Impurity", "ImpurityResult", "impurity_response"]
