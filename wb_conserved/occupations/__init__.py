"""What multiplies a per-band quantity and sums it over bands: occupations of a whole scan of Fermi levels at once."""

from .fermi import Occupation, Spread
from .tetrahedra import CORNERS, TetrahedronOccupation, TetrahedronWeights, cell_polynomials

__all__ = ["CORNERS", "Occupation", "Spread", "TetrahedronOccupation", "TetrahedronWeights", "cell_polynomials"]
