"""The value at the end of a series of ever finer meshes, or ever narrower shells, with an error bar."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

_ONE_ERROR, _SIGNIFICANT = 0.8413, 0.975  # quantiles: 68 % and 95 % of both sides


def extrapolate(sizes, values, dimension: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Value at N → ∞ of quantities on meshes of N^D points, and its error bar; each component by itself.

    Fitted by weighted least squares is

    .. math:: v(N) = v_\infty + a\,N^{-2},\quad w(N) = N^{D+1}.

    A singularity ∝ |k|^s of the integrand at a point leaves an error ∝ 1/N^{D+s} in a mesh sum (J. N. Lyness, Math.
    Comput. 30, 1 (1976)), a kink at a lattice plane (the edge of a k·p box) one ∝ 1/N².  A sharp Fermi surface adds one of
    no definite sign, of variance ∝ 1/N^{D+1} (that of the number of lattice points in a convex body, D. G. Kendall, Quart.
    J. Math. 19, 1 (1948)), which sets the weights.  At a temperature that the mesh resolves, or in a gap, the sum
    converges exponentially, and no such law holds.  So the value is

    - v_∞ where the data support the law: a differs from 0 at 95 % (Student's t, scatter from the residuals), and dv/d(1/N²)
      between the last and the last but one pair of meshes has the same sign and agrees within a factor of 2, which noise
      and exponential convergence do not;
    - that of the finest mesh otherwise.

    The error bar is the larger of ½ |v_finest − v_second finest| and of

    .. math:: \sqrt{\sigma^2 + (v_\infty - v_\mathrm{finest})^2}.

    σ is the standard error of v_∞ times the 68 % quantile of Student's t, as few meshes tell little of their scatter; for
    the value of the finest mesh it is at least the scatter of all meshes around their weighted mean, scaled to the finest
    mesh, times that quantile.  The second term is there because the exponent 2 is a guess: of a law 1/N^p, p ≥ 1, a fit
    to close meshes leaves at most about |v_∞ − v_finest|.  Thus the bar is too large where the law holds exactly or
    convergence is exponential.  With random errors that fall at least as N^{-(D+1)/2}, with or without a term in 1/N²,
    at least 68 % of exact values are within one error bar and 95 % within three.  Of a feature that all meshes are too
    coarse to see, such as a small gap, the bar knows nothing.

    Parameters
    ----------
    sizes : array (mesh,)
        N, ascending; at least three.
    values : array (mesh, ...)
    dimension : float
        D; −2 for shells of width 1/N, whose number of states, and so the inverse of the variance, is ∝ 1/N.

    Returns
    -------
    extrapolated, error : float array (...)
    follows_law : bool array (...)
        True where the value is v_∞.

    Raises
    ------
    ValueError
        Fewer than three sizes, not ascending, or not one for each of `values`.
    """
    sizes, values = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    if sizes.ndim != 1 or len(sizes) < 3 or np.any(np.diff(sizes) <= 0) or not sizes[0] > 0:
        raise ValueError(f"sizes: expected at least three ascending positive numbers, found {sizes.tolist()}")
    if values.shape[:1] != sizes.shape:
        raise ValueError(f"values: expected a first axis of {len(sizes)} meshes, found shape {values.shape}")
    shape = (len(sizes), *(1,) * (values.ndim - 1))
    x = ((sizes[-1] / sizes) ** 2).reshape(shape)  # 1 for the finest mesh
    weights = ((sizes / sizes[-1]) ** (dimension + 1)).reshape(shape)
    total = weights.sum()
    mean, mean_x = (weights * values).sum(axis=0) / total, (weights * x).sum() / total
    spread = (weights * (x - mean_x) ** 2).sum()
    slope = (weights * (x - mean_x) * (values - mean)).sum(axis=0) / spread
    limit = mean - slope * mean_x
    freedom = len(sizes) - 2
    scatter = np.sqrt((weights * (values - limit - slope * x) ** 2).sum(axis=0) / freedom)
    scatter_of_mean = np.sqrt((weights * (values - mean) ** 2).sum(axis=0) / (freedom + 1))

    last, before = (np.diff(values, axis=0) / np.diff(x, axis=0))[[-1, -2]]
    steady = (last * before > 0) & (np.abs(last) <= 2 * np.abs(before)) & (np.abs(before) <= 2 * np.abs(last))
    significant = np.abs(slope) > stdtrit(freedom, _SIGNIFICANT) * scatter / np.sqrt(spread)
    follows_law = steady & significant
    sigma = stdtrit(freedom, _ONE_ERROR) * scatter * np.sqrt(1 / total + mean_x**2 / spread)
    sigma_finest = np.maximum(sigma, stdtrit(freedom + 1, _ONE_ERROR) * scatter_of_mean)
    bar = np.hypot(np.where(follows_law, sigma, sigma_finest), limit - values[-1])
    error = np.maximum(bar, 0.5 * np.abs(values[-1] - values[-2]))
    return np.where(follows_law, limit, values[-1]), error, follows_law
