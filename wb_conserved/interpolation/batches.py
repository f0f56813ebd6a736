"""The k points of a WannierBerri ``Data_K`` in batches, each of the kind that suits it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.data_K.data_K_soc import Data_K_soc

from .. import compiled
from .bloch import BlochBatch, InterpolatedBatch, ProvidedBatch, batch_slices
from .wannier import WannierInterpolator


def bloch_batches(data_K) -> Iterable[BlochBatch]:
    """The k points of a WannierBerri ``Data_K`` in batches.

    Systems of R-space matrices are interpolated here; any other ``Data_K`` (a k·p system, say) provides the matrices.
    A ``Data_K`` of one batch (an explicit list of k points always is) keeps it, so that all calculators share its
    matrices; of several, none outlives its turn.

    Raises
    ------
    ValueError
        The ``Data_K`` selects bands by energy (``Emin``, ``Emax``), or randomises the gauge.
    """
    if np.isfinite(data_K.Emin) or np.isfinite(data_K.Emax) or data_K.random_gauge:
        raise ValueError(
            f"parameters_K: expected no Emin, Emax or random_gauge with the calculators of wb_conserved; found "
            f"Emin={data_K.Emin}, Emax={data_K.Emax}, random_gauge={data_K.random_gauge}"
        )
    kept = data_K.__dict__
    if "bloch_batch" in kept:
        return [kept["bloch_batch"]]
    if not isinstance(data_K, Data_K_R) or isinstance(data_K, Data_K_soc):
        kept["bloch_batch"] = ProvidedBatch(data_K)
        return [kept["bloch_batch"]]
    if "interpolator" not in kept:
        kept["interpolator"] = WannierInterpolator(data_K.system)
    interpolator = kept["interpolator"]
    kpoints = data_K.kpoints_all
    slices = [slice(None)] if data_K.k_list is not None else batch_slices(data_K.NKFFT, data_K.num_wann)
    if len(slices) == 1:
        kept["bloch_batch"] = interpolated_batch(interpolator, kpoints)
        return [kept["bloch_batch"]]
    return (interpolated_batch(interpolator, kpoints[part]) for part in slices)


def release(data_K) -> None:
    """Let go of the matrices of a ``Data_K``, whose geometry refers to them and they to it, at once."""
    batch = data_K.__dict__.pop("bloch_batch", None)
    if batch is not None:
        batch.forget()


def interpolated_batch(interpolator: WannierInterpolator, kpoints: np.ndarray) -> InterpolatedBatch:
    """Batch of reduced k points (k, 3), for the compiled kernels where these are faster."""
    if interpolator.metric is not None or not compiled.useful(interpolator.num_wann):
        return InterpolatedBatch(interpolator, kpoints)
    from .compiled_batch import CompiledBatch  # imports numba

    return CompiledBatch(interpolator, kpoints)
