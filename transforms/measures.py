"""The formulas of every published measure, as SQL expressions over counts.

Each function takes and returns SQL text, so that one query computes all measures of all cells.
Counts are integers; rates and their bounds are percents from 0 to 100; null means not defined.
"""

from __future__ import annotations

from statistics import NormalDist


def critical_value(confidence: float) -> float:
    """Return the two-sided standard normal quantile z of a confidence level.

    >>> round(critical_value(0.95), 6)
    1.959964
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a share between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def percent(part: str, whole: str) -> str:
    """Return `part` in percent of `whole`; null where `whole` is 0.

    The proficiency rate is the share of students at or above a level in those tested (with scores).

    Source: California Department of Education, Understanding the Summative ELPAC Reports,
    https://www3.cde.ca.gov/elpac/understandingelpacreports (percent at a level: of students with
    scores).

    >>> percent("n_proficient", "n_tested")
    '100 * n_proficient::DOUBLE / nullif(n_tested, 0)'
    """
    return f"100 * {part}::DOUBLE / nullif({whole}, 0)"


def mean(total: str, n: str) -> str:
    """Return the mean of `n` values that sum to `total`; null where `n` is 0.

    Source: California Department of Education, Understanding the Summative ELPAC Reports,
    https://www3.cde.ca.gov/elpac/understandingelpacreports (mean scale score: the sum of the scale
    scores divided by the number of tests with scores).
    """
    return f"{total}::DOUBLE / nullif({n}, 0)"


def wilson_centre_and_half_width(part: str, whole: str, confidence: float) -> tuple[str, str]:
    """Return centre and half width, in percent, of the Wilson interval of `part` / `whole`.

    With n = whole, p = part / n and z the critical value of `confidence`:

        centre     = (p + z^2/2n) / (1 + z^2/n)
        half width = z sqrt(p (1-p) / n + z^2/4n^2) / (1 + z^2/n)

    without continuity correction; null where `whole` is 0. Apart from the bounds (`wilson_low`,
    `wilson_high`), so that a query over millions of cells computes each just once.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22 (1927), 209-212. Recommended over the Wald
    interval by L. D. Brown, T. T. Cai, A. DasGupta, Interval estimation for a binomial proportion,
    Statistical Science 16 (2001), 101-133.
    """
    square = critical_value(confidence) ** 2
    n = f"nullif({whole}, 0)"
    wider = f"({n} + {square!r}::DOUBLE)"
    variance = f"{part}::DOUBLE * ({whole} - {part}) / {n} + {square / 4!r}::DOUBLE"
    centre = f"100 * ({part} + {square / 2!r}::DOUBLE) / {wider}"
    return centre, f"{100 * square**0.5!r}::DOUBLE * sqrt({variance}) / {wider}"


def wilson_low(part: str, whole: str, centre: str, half_width: str) -> str:
    """Return the lower bound; exactly 0 where it is so but for the last digit."""
    return f"if({part} = 0 AND {whole} > 0, 0, {centre} - {half_width})"


def wilson_high(part: str, whole: str, centre: str, half_width: str) -> str:
    """Return the upper bound; exactly 100 where it is so but for the last digit."""
    return f"if({part} = {whole} AND {whole} > 0, 100, {centre} + {half_width})"
