"""Matrices by name: which come from the system, which are made from others, and which are Hermitian."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Derived:
    """A matrix made from another one.

    Attributes
    ----------
    source : str
        Name of that one.
    curl : bool
        Its curl ∂_a r^b − ∂_b r^a, abc cyclic, in place of its gradient, which has one more axis, the last one.
    """

    source: str
    curl: bool = False


DERIVED = {
    "∂Ham": Derived("Ham"),
    "∂∂Ham": Derived("∂Ham"),
    "∂AA": Derived("AA"),
    "∂SS": Derived("SS"),
    "rot AA": Derived("AA", curl=True),
}
"""Every other name is that of an R-space matrix of the system."""

GAP_RATE = "∂Ham/∂kBT"
"""R-space matrix of ∂H/∂(k_B T), where a system depends on temperature."""

NOT_HERMITIAN = frozenset({"SR", "SH", "SHR", "SA", "SHA", "HQ"})
"""R-space matrices that are products with a projection between the factors."""
