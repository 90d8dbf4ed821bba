"""The formulas of every published measure, as SQL expressions over counts.

Each function takes and returns SQL text, so that one query computes all measures of all cells.
Counts are integers; rates and their bounds are percents from 0 to 100; null means not defined.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def standard_deviation(squares: str, total: str, n: str) -> str:
    """Return the standard deviation, with n - 1, of `n` values; null where `n` is below 2.

        s^2 = (sum of squares - total^2 / n) / (n - 1)

    Source: G. W. Snedecor, W. G. Cochran, Statistical Methods, 8th edition (1989), the working
    formula of the sample variance.

    >>> import duckdb
    >>> sql = standard_deviation("2 * 2 + 4 * 4 + 6 * 6", "12", "3")
    >>> duckdb.sql(f"SELECT {sql}").fetchall()  # of 2, 4 and 6
    [(2.0,)]
    """
    deviations = f"({squares})::DOUBLE - ({total})::DOUBLE * ({total}) / nullif({n}, 0)"
    return f"if({n} > 1, sqrt(greatest({deviations}, 0) / ({n} - 1)), NULL)"


def distance_from_standard(total: str, n: str) -> str:
    """Return the mean of `n` scores minus, each, the lowest score that meets the standard.

        DFS = (1 / n) sum (x_i - cut(grade_i, subject))

    `total` is the sum of the differences; null where `n` is 0. A mean over grades is meaningful, as
    each score is held against the cut of its own grade. The mean is of the students counted in the
    cell: the Dashboard's rules on continuous enrolment and on participation below 95 percent are
    not applied.

    Source: California Department of Education, 2019 California School Dashboard, Status and Change
    data, https://cde.ca.gov/ta/ac/cm/statuschangedata2019.asp.

    >>> import duckdb
    >>> sql = distance_from_standard("(2450 - 2432) + (2400 - 2432)", "2")
    >>> duckdb.sql(f"SELECT {sql}").fetchall()
    [(-7.0,)]
    """
    return mean(f"({total})", n)


def performance_index(weights: Sequence[float], counts: Sequence[str], n: str) -> str:
    """Return the mean weight of the levels of `n` students; null where `n` is 0.

        index = sum_k w_k n_k / n

    With the weights 200, 500, 700, 875, 1000 of the five levels of the CST it is in the style of
    California's Academic Performance Index, from 200 to 1000 with a target of 800. It is not that
    index, which also weighted content areas and tests, and ended in 2013.

    Source: range and target https://foundersacademy.org/Gallery_TestPrep07/TestPrep07.html; the
    weights from a secondary source,
    https://danskebankmortgagecalculatorsweden.calculator.city/?p=1511.

    >>> import duckdb
    >>> sql = performance_index([200, 500, 700, 875, 1000], ["10", "20", "30", "25", "15"], "100")
    >>> duckdb.sql(f"SELECT {sql}").fetchall()
    [(698.75,)]
    """
    weighed = " + ".join(f"{w!r}::DOUBLE * {c}" for w, c in zip(weights, counts, strict=True))
    return mean(f"({weighed})", n)
