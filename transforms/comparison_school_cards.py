"""Cards of the measures of mart_comparison whose units are schools: part of `comparison_cards`."""

from __future__ import annotations

# Name, title, formula, denominator, missing, source, example.
Row = tuple[str, str, str, str, str, str, str]

FEW = "a cell of a side has fewer than comparison.minimum_n students (EL_EO: of either group)"
SCHOOLS = (
    "rows of one year, and against the district, all or the state; fewer than "
    "comparison.fewest_schools other schools have the group in both years; across a break; "
    f"{FEW}; published: one of the cells of any of these schools is suppressed or coded, for its "
    "gain could be computed"
)
BOUNDS = f"{SCHOOLS}; so few ways that no bound can be given (below 1 / (1 - confidence))"
MANTEL = "S. Greenland, J. M. Robins, Biometrics 41 (1985), 55-68"
ERNST = (
    "M. D. Ernst, Statistical Science 19 (2004), 676-685; P. H. Garthwaite, Biometrics 52 (1996), "
    "1387-1393; B. Phipson, G. K. Smyth, Statistical Applications in Genetics and Molecular "
    "Biology 9 (2010), article 39"
)
STUDENTISED = (
    "E. Chung, J. P. Romano, Annals of Statistics 41 (2013), 484-507 (studentised permutations); "
    f"{ERNST}"
)
BH = "Y. Benjamini, Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289-300"

ROWS: tuple[Row, ...] = (
    (
        "did_schools",
        "Difference in differences, schools as units (contribution, not cause)",
        "mean gain of the unit's schools minus that of the other schools, of those with the group "
        "in both years, each weighing n0 n1 / (n0 + n1); contrast EL_EO: 1 / sum of 1 / n",
        "schools of the unit, and the district's schools that are no partner schools",
        SCHOOLS,
        MANTEL,
        "(7 + 7) / 2 - (3 + 3 + 3 + 4 + 4) / 5 = 3.6",
    ),
    (
        "did_permutation_low",
        "Lower bound of did_schools",
        "the least effect that the permutation of did_p_value does not reject, if it were taken "
        "from every school of the unit (test inversion)",
        "as did_schools",
        BOUNDS,
        STUDENTISED,
        "2.7, where 1 of 21 ways remains",
    ),
    (
        "did_permutation_high",
        "Upper bound of did_schools",
        "as did_permutation_low, the greatest",
        "as did_schools",
        BOUNDS,
        STUDENTISED,
        "5.0, where 1 of 21 ways remains",
    ),
    (
        "did_p_value",
        "p-value of did_schools by permutation over schools",
        "share of all ways to choose as many of these schools whose did_schools times "
        "sqrt(W1 W2 / (W1 + W2)) is at least as far from 0, W1 and W2 being the weights of both "
        "sides in that way; of more than comparison.permutations ways, of so many drawn and the "
        "real one. It asks that, were nothing done, any schools could have been chosen, and that a "
        "gain varies inversely to its school's weight, as by chance among students. Where schools "
        "vary much for other reasons too, a unit of larger schools than the others is found too "
        "often and one of smaller schools too seldom",
        "ways of choosing schools",
        SCHOOLS,
        STUDENTISED,
        "1 of 21 ways to choose two schools of seven: 0.048",
    ),
    (
        "did_p_adjusted",
        "did_p_value, adjusted for all that is compared beside it",
        "as p_adjusted, over the did_p_value of one metric of a release",
        "as did_p_value",
        "so few schools that no did_p_value could be 1 - confidence or below (1 of 19 ways is "
        f"0.053); {SCHOOLS}",
        BH,
        "the same numbers in all grades and the only one count once: 0.048",
    ),
)
