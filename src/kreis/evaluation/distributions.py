"""Quantiles and tails of distributions, from SciPy; it is loaded by the first call, not at start-up."""

from __future__ import annotations

__all__ = ["chance_of_at_least", "share_interval", "student_t_quantile"]


def student_t_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t.

    Args:
        probability: within (0, 1).
        freedom: degrees of freedom; above 1e9 (infinity, too) the quantile is the normal one.

    Raises:
        ValueError: the probability is not within (0, 1), or there are no degrees of freedom.
    """
    if not 0 < probability < 1 or freedom <= 0:
        raise ValueError(f"no quantile at probability {probability} with {freedom} degrees of freedom")
    from scipy.special import stdtrit

    return float(stdtrit(min(freedom, 1e9), probability))


def chance_of_at_least(count: int, n: int, share: float) -> float:
    """The chance of `count` or more of `n` when each comes with probability `share` (binomial tail).

    Counts at or below the expected one give 1: they show nothing.
    """
    if count <= n * share:
        return 1.0
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, n, share))


def share_interval(count: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Where a share lies of which `count` of `n` were seen (Clopper and Pearson 1934): at least 1 - alpha."""
    from scipy.special import betaincinv

    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, alpha / 2))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - alpha / 2))
    return low, high
