"""Where the data of the repository are."""

from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
