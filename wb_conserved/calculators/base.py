"""What everything that reads band geometry shares: the observable, its multiplets, and the matrices they need."""

from __future__ import annotations

import difflib
import inspect
from abc import ABC
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from wannierberri.calculators import Calculator
from wannierberri.symmetry.point_symmetry import transform_ident, transform_odd

from ..errors import InputError
from ..interpolation import BlochStates, particles_of
from ..io.spinors import has_matrix
from ..operators import Operator, get_operator
from .band_geometry import BandGeometry

FLOW, FIELD, DIPOLE = "direction of flow", "direction of the field", "direction of the dipole"
OBSERVABLE = "component of the observable"
CONCENTRATION, FREQUENCY = "concentration", "omega"
SCAN_AXES = {
    "Efermi": ("Fermi level", "eV"),
    "kBT": ("temperature", "eV"),
    CONCENTRATION: ("fraction of cells with the impurity", "1"),
    FREQUENCY: ("frequency", "eV"),
}
"""Meaning and unit of the axes that a result may have besides Cartesian ones."""
DEFAULT_THRESHOLD = 1e-4
"""Multiplet threshold of WannierBerri, eV: for exactly degenerate bands."""


class GeometryCalculator(Calculator, ABC):
    """Base of everything that reads band geometry: the observable, its multiplets, and the matrices they need.

    Parameters
    ----------
    degen_thresh : float, optional
        Bands closer than this (eV, chain rule) form a multiplet; a physical choice, the broadening of the levels.  By
        default 1e-4, with a warning of `wb_conserved.run`.
    degen_Kramers : bool
        Bands 2j and 2j+1 belong to one multiplet whatever their distance.
    operator : str or Operator
        Observable: "spin", "identity" or "charge" (the same for electrons), or one from `wb_conserved.operators`.
    kwargs_formula : dict, optional
        ``external_terms=False`` leaves the position matrix out everywhere.
    save_mode, print_comment
        See `wannierberri.calculators.Calculator`.

    Attributes
    ----------
    symbol, long_name : str
    axes : mapping of str to str
        Name and meaning of each Cartesian axis of the result, without that of s.
    odd_under_inversion : bool
    like_current : bool
        Whether the result behaves as a current of s under time reversal, rather than as s.
    force : str
        What drives the response, "electric field" or "temperature gradient"; empty for others.
    of_observable : bool
        Whether it takes an operator.
    sources : tuple of str
        Papers of the definition, by their keys in `wb_conserved.results.citations.ENTRIES`.
    threshold_given : bool
        Whether the multiplet threshold was chosen, rather than left at its default.

    Raises
    ------
    TypeError
        An argument that there is not, before anything else is looked at.
    """

    symbol: ClassVar[str]
    long_name: ClassVar[str]
    axes: ClassVar[Mapping[str, str]]
    odd_under_inversion: ClassVar[bool] = False
    like_current: ClassVar[bool] = True
    force: ClassVar[str] = ""
    of_observable: ClassVar[bool] = True
    sources: tuple[str, ...] = ()

    def __new__(cls, *positions, **arguments):
        """Refuse misspelt arguments before an argument that is missing for it is complained about."""
        known = keywords(cls)
        for name in arguments.keys() - known.keys():
            by_case = {other.casefold(): other for other in known}
            close = difflib.get_close_matches(name.casefold(), by_case, n=1)
            hint = f"; did you mean {by_case[close[0]]}?" if close else ""
            raise TypeError(f"{cls.__name__}: expected arguments among {', '.join(known)}; found {name}{hint}")
        return super().__new__(cls)

    def __init__(
        self,
        *,
        degen_thresh: float | None = None,
        degen_Kramers: bool = False,
        operator: str | Operator = "spin",
        kwargs_formula: dict | None = None,
        save_mode: str = "bin+txt",
        print_comment: bool = False,
    ):
        self.threshold_given = degen_thresh is not None
        degen_thresh = DEFAULT_THRESHOLD if degen_thresh is None else degen_thresh
        if not degen_thresh >= 0:
            raise InputError("degen_thresh", "a number >= 0 (eV)", repr(degen_thresh))
        self.operator = get_operator(operator)
        self.external_terms = _external_terms(kwargs_formula)
        self.degen_thresh, self.degen_Kramers = degen_thresh, degen_Kramers
        self.comment = self._describe()
        super().__init__(
            degen_thresh=degen_thresh, degen_Kramers=degen_Kramers, save_mode=save_mode, print_comment=print_comment
        )

    @property
    def odd_under_time_reversal(self) -> bool:
        """Behaviour of the result under time reversal."""
        return self.operator.odd_under_time_reversal != self.like_current

    @property
    def transform_time_reversal(self):
        """The same as WannierBerri's transformation."""
        return transform_odd if self.odd_under_time_reversal else transform_ident

    @property
    def transform_inversion(self):
        """Behaviour under inversion, with that of s, as WannierBerri's transformation."""
        odd = self.odd_under_inversion != self.operator.odd_under_inversion
        return transform_odd if odd else transform_ident

    def _describe(self) -> str:
        return "\n".join(
            [
                f"{self.long_name} of {self.operator.name}, {self.symbol}",
                f"multiplet threshold {self.degen_thresh} eV" + (", Kramers pairs" if self.degen_Kramers else ""),
                f"external terms {self.external_terms}",
            ]
        )

    @property
    def cartesian_axes(self) -> Mapping[str, str]:
        """Name and meaning of every Cartesian axis of the result; the last is that of s, where s is a vector."""
        return MappingProxyType({**self.axes, **({"s": OBSERVABLE} if self.operator.rank else {})})

    def band_geometries(self, states: BlochStates) -> Iterator[BandGeometry]:
        """Band geometry of some k points, batch by batch.

        Raises
        ------
        ValueError
            The system lacks a matrix that is needed.
        """
        self._check_matrices(states.system)
        external_terms, observable = self.external_terms_of(states.system), states.of_system(self._observable_of(states.system))
        for batch in states.batches:
            yield BandGeometry(batch, observable, self.degen_thresh, bool(self.degen_Kramers), external_terms)

    def external_terms_of(self, system) -> bool:
        """Whether the position matrix enters; a system may exclude it altogether."""
        return self.external_terms and not system.force_internal_terms_only

    def _observable_of(self, system) -> Operator:
        """The operator between the functions of a system."""
        return particles_of(system).observable(self.operator) if self.of_observable else self.operator

    def _check_matrices(self, system):
        particles_of(system).check_force(self.force, self.long_name)
        self._observable_of(system).check_system(system)
        if not hasattr(system, "has_R_mat"):
            return
        if self.external_terms_of(system) and not has_matrix(system, "AA"):
            raise InputError(
                "system",
                "the position matrix 'AA'",
                "none: load it, or leave it out everywhere with kwargs_formula=dict(external_terms=False)",
            )


def keywords(kind: type) -> dict[str, inspect.Parameter]:
    """Arguments of a class by name, with those that it hands on to its bases."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed(kind.__mro__):
        if "__init__" in vars(base) and issubclass(base, GeometryCalculator):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            found |= {
                parameter.name: parameter
                for parameter in parameters
                if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
            }
    return found


def _external_terms(kwargs_formula):
    options = dict(kwargs_formula or {})
    external_terms = options.pop("external_terms", True)
    if options:
        raise InputError("kwargs_formula", "only 'external_terms'", f"{sorted(options)}")
    if not isinstance(external_terms, bool):
        raise InputError("kwargs_formula['external_terms']", "True or False", repr(external_terms))
    return external_terms
