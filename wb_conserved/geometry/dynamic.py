r"""Responses at a frequency ω with a broadening η, w = ω + iη (Kubo; D = ε_n − ε_m)

    conventional   σ(ω) = −i e ∫ Σ_nm (f_n − f_m) J_nm v_mn / [D (D + w)]
    conserved      σ_K(ω) = i e ∂_q X(q, ω),  X(q, ω) = ∫ Σ_nm (f_n − f_m) s_nm v_mn / (D + w),  s and v between k ∓ q/2

Exchanging n and m in one half of every difference leaves per-band numbers, of which one part keeps its sign under time
reversal and the other changes it ("even", "odd" for a spin current in a field; for the charge the other way round):

    even   C_n = −2 Im Σ_m v_nm J_mn / (D² − w²)
           K_n = −Σ_m Im { b (u_n + u_m) s_nm v_mn + 2a (δs_nm v_mn + s_nm δv_mn) },   S_n = −u_n Σ_m a Im s_nm v_mn
           a = D/(D² − w²),   b = (D² + w²)/(D² − w²)²
    odd    the same with i Re in the place of −Im, with a = −w/(D² − w²), b = −2Dw/(D² − w²)², and 1/(D² − w²) in C_n
           replaced by w/[D (D² − w²)], J and v in the other order

a and b are 1/D and 1/D² for w = 0 in the even part, which is then the static response, and 0 in the odd one.  δs, δv and u are
those of `kubo`.  Sums run over m outside the multiplet.  The denominator of the first is that of J. Qiao et al., Phys. Rev. B
98, 214402 (2018), eq. 1.
"""

from __future__ import annotations

from .algebra import hermitian_product, namespace

PARTS = ("even", "odd")


def frequency_factors(energies, same, frequencies, part="even"):
    """Factors a, b and c, by which the sums over pairs of bands differ from static ones.

    Parameters
    ----------
    energies : array (k, n)
        Of bands, or means of multiplets, eV.
    same : bool array (k, n, m)
    frequencies : complex array (w,)
        w = ω + iη, eV.
    part : {"even", "odd"}

    Returns
    -------
    a, b, c : complex arrays (k, n, w, m)
        1/eV, 1/eV² and 1/eV²; 0 inside multiplets.  c is that of C_n.
    """
    xp = namespace(energies)
    infinite = xp.asarray(xp.inf, dtype=energies.dtype, device=energies.device)
    # infinite inside multiplets, where all factors are to vanish: 1/D² and w/D do
    inverse = 1.0 / xp.where(same, infinite, energies[:, :, None] - energies[:, None, :])  # 1/D
    inverse = xp.astype(inverse, frequencies.dtype)[:, :, None, :]
    ratio = frequencies[None, None, :, None] * inverse  # w/D
    denominator = 1.0 / (1.0 - ratio * ratio)
    if part == "even":
        a = inverse * denominator
        return a, inverse * inverse * (1.0 + ratio * ratio) * denominator * denominator, inverse * a
    a = -ratio * inverse * denominator
    return a, -2.0 * ratio * inverse * inverse * denominator * denominator, -a * inverse


def dynamic_curvature(velocity, current, factor, part="even"):
    """C_n^{ils}(ω) of the conventional current.

    Parameters
    ----------
    velocity : complex array (k, n, l, m)
    current : complex array (k, n, i, s, m)
    factor : complex array (k, n, w, m)
        c of `frequency_factors` of single energies.
    part : {"even", "odd"}

    Returns
    -------
    complex array (k, n, w, i, l, s), Å² [s]
    """
    pairs = _pairs(current, velocity, part)  # k n i s l m, −Im or Re of J_nm v_mn
    xp = namespace(velocity)
    found = _summed(factor, pairs)  # k n w i s l
    return (-2.0 if part == "even" else 2.0j) * xp.permute_dims(found, (0, 1, 2, 3, 5, 4))


def dynamic_kubo(velocity, operator, connection, mean_velocity, factors, part="even", *, metric=None):
    """K_n^{ils}(ω) and S_n^{ils}(ω) of the conserved current.

    Parameters
    ----------
    velocity : complex array (k, n, l, m)
    operator : complex array (k, n, s, m)
    connection : complex array (k, n, i, m)
    mean_velocity : array (k, n, i)
    factors : a, b of `frequency_factors` of multiplet means
    part : {"even", "odd"}
    metric : array (n,), optional

    Returns
    -------
    sea, surface : complex arrays (k, n, w, i, l, s), Å² [s] and eV Å² [s]
    """
    xp, (a, b, *_) = namespace(velocity), factors
    sign = 1.0 if part == "even" else 1.0j
    pairs = _pairs(operator, velocity, part)  # k n s l m
    moving = mean_velocity[:, :, :, None] + xp.permute_dims(mean_velocity, (0, 2, 1))[:, None, :, :]  # k n i m
    of_ends = pairs[:, :, None, :, :, :] * moving[:, :, :, None, None, :]  # k n i s l m
    anticommutator = hermitian_product(operator, connection, metric=metric)  # 2i δs, k n s i m
    of_operator = _pairs(-0.5j * anticommutator, velocity, part)  # k n s i l m
    of_velocity = _pairs(operator, 0.5j * hermitian_product(connection, velocity, metric=metric), part)  # k n s i l m
    shifts = xp.permute_dims(of_operator + of_velocity, (0, 1, 3, 2, 4, 5))  # k n i s l m
    sea = _summed(b, of_ends) + 2.0 * _summed(a, shifts)  # k n w i s l
    surface = _summed(a, pairs)[:, :, :, None, :, :] * mean_velocity[:, :, None, :, None, None]
    order = (0, 1, 2, 3, 5, 4)
    return sign * xp.permute_dims(sea, order), sign * xp.permute_dims(surface, order)


def _pairs(left, right, part):
    """−Im or Re of X_nm Y_mn, X (k, n, a.., m) and Y (k, m, b.., n): real array (k, n, a.., b.., m)."""
    xp = namespace(left)
    k, n, *b, m = right.shape
    *a, _ = left.shape[2:]
    turned = xp.permute_dims(xp.reshape(right, (k, n, -1, m)), (0, 3, 2, 1))  # k n b m
    rows = xp.reshape(left, (k, n, -1, 1, m)) * turned[:, :, None, :, :]
    return xp.reshape(-xp.imag(rows) if part == "even" else xp.real(rows), (k, n, *a, *b, m))


def _summed(factor, pairs):
    """Σ_m F^w_nm P_nm: (k, n, w, m) and (k, n, c.., m) -> (k, n, w, c..)."""
    xp = namespace(factor)
    k, n, *c, m = pairs.shape
    columns = xp.matrix_transpose(xp.reshape(pairs, (k, n, -1, m)))
    real, imaginary = (xp.astype(xp.matmul(part(factor), columns), factor.dtype) for part in (xp.real, xp.imag))
    return xp.reshape(real + 1j * imaginary, (k, n, factor.shape[2], *c))
