"""Readers of everything a Wannier calculation leaves behind, with all checks before any number is used.

`load_system` reads, `register` enters a reader of another kind of file.
"""

from ..errors import InputError
from .formats import READERS, Reader, Request, register
from .load import load_system

__all__ = ["READERS", "InputError", "Reader", "Request", "load_system", "register"]
