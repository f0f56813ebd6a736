"""Readers of everything a Wannier calculation leaves behind, with all checks before any number is used."""

from ..errors import InputError
from .load import load_system

__all__ = ["InputError", "load_system"]
