"""The command ``wb-conserved``: commands, the input file in TOML, and what it asks for."""

from .group import main

__all__ = ["main"]
