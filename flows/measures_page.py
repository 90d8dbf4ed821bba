"""The page of all measures, written from their cards and the configuration: docs/measures.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import fill

from configs.assessment_models import Break
from configs.catalogue import Catalogue
from configs.models import Vocabulary
from transforms.all_cards import MARTS, cards_of, examples_of
from transforms.cards import MeasureCard

HEAD = """
# Measures

What every number of the published marts is, of whom, and when it is missing. Written from the
cards beside the code that computes them, by `roci measures --markdown > docs/measures.md`; a test
holds the two together. `roci measures --mart mart_gap` tells those of one mart. Each mart has a
restricted twin (`mart_gap_unsuppressed`) with the same measures, exact and unrounded.

- [How to read them](#how-to-read-them): [groups](#groups), [what is not
  shown](#what-is-not-shown), [years that are not comparable](#years-that-are-not-comparable),
  [contribution, not cause](#contribution-not-cause)
"""
GROUPS = """
## How to read them

### Groups

Each dimension is a column of every mart, and `all` means not split by it. The codes of a dimension
leave nobody out and count nobody twice, so its groups sum to `all`. `UNKNOWN` is a group of its
own and never means no. A student is in the groups of the test date, as the extract states them,
else as the roster does. There are three kinds of dimensions, and [groups](groups.md) says how to
switch them on and off:

- **crossed**: every one-, two- and three-way combination of {crossed};
- **one-way**: the others of the first table, alone and crossed with one of {crossed_with}. Of a
  dimension of which nobody's value is known in a system there are no rows, `econ_status` and
  `disability_status` excepted;
- **roll-ups**: unions of the codes of one crossed dimension, alone. They are columns of their own,
  as the codes of a column exclude each other.
"""
NOT_SHOWN = """
### What is not shown

There is one public marker: `suppressed` is true, and every measure of the row is null. The group
has fewer than {minimum_n} students, or none at all, or its number could be had by adding and
subtracting others; which of these is not said. A combination of groups is listed where every wider
group that it is a part of is shown: a row says nothing of who is there, and where there is no row
there may be somebody. In mart_achievement `rate_coding` `top` or `bottom` says that the rate lies
at or beyond the limit that is shown in its place; the limit is 50 where the rate itself would tell
of a hidden group. In mart_level the levels of a shown rate may be suppressed. A number that is made
of several cells is published only where all of them are shown exactly. No sum and no standard
deviation is published, and an effect size only where each side has at least {effect_minimum_n}
students.

A null in a row that is not suppressed is missing for a cause that the measure's card names; the
restricted twin of a gap, of growth or of a comparison names it in `missing_reason`.
"""
NOT_COMPARABLE = """
### Years that are not comparable

An assessment says which years are not comparable with others, and why (`breaks` in
configs/assessments). Two years are comparable if a break holds for both of them or for neither.
What lies across a break is missing, never estimated: across a new **scale** everything; across new
**standards** rates and levels, but not scores; across a year that tested another **population**
what compares different students, but not one student's two results.

| assessment | years | kind | why |
|---|---|---|---|
"""
NOT_CAUSE = """
### Contribution, not cause

A group that rose more than another rose more; nothing here says why. Schools were not chosen by
lot, students move between them, and what set them apart before goes on. So call a comparison a
contribution at most, never an effect or a cause. Beside it stand the trend before, the change of
the groups' shares, and intervals that say how much may be chance. Of many comparisons some lie far
from zero by chance alone: read `p_adjusted` before the one that stands out.
"""
WHAT = {
    "mart_achievement": """
How a group of students did in a test. A row is one school year, assessment, subject, window,
grade, organisation and group.
""",
    "mart_level": """
How the students of such a group lie over the performance levels: one row for each level of the
assessment.
""",
    "mart_gap": """
Each group held against the reference group of its `dimension` (`reference` is its code) and
against all other students of the same cell (`reference` is `rest`). A positive gap means that the
group lies below.
""",
    "mart_growth": """
What became of a group between two tests, in four ways that are never mixed (`growth_type`):
`cross_section` holds the students of a grade against those of the same grade a year before,
`cohort` against those of the grade below, `matched` the same students now and then; `vendor` is
what a vendor or a state computed of each student, by measure and norm (`growth_measure`,
`growth_norm`). Show a row of matched students with its match rate.
""",
    "mart_transition": """
Of the matched students at a level before, how many are at which level now: one row for each pair
of levels; in the restricted twin only for those between which somebody moved.
""",
    "mart_comparison": """
Partner schools, all of a district's together and networks (the units) held against `compared_to`:
the other schools of the district (`rest`), the district, everything (`all`) and the state; in one
year (`from_year` is `school_year`) and in their gains since `from_year`. `contrast` is `all`, or
`EL_EO`: English learners minus English-only students. What is seen is a contribution, not a cause.
The state is there where its research files of the same tests are loaded: its numbers are public, as
it prints them, so nothing of them is hidden, and no other mart has them.
""",
    "focus_students": """
Restricted, one student to a row: whom a teacher may want to look at first, and why. Nothing of it
is published.
""",
}
# Words of a card in the order in which they are read.
PARTS = (
    ("Formula", "formula"),
    ("Denominator", "denominator"),
    ("Left out", "left_out"),
    ("Missing", "missing"),
    ("Source", "source"),
    ("Example", "example"),
)


def measures_page(catalogue: Catalogue) -> str:
    """Return the page: how to read the marts, then every measure, mart by mart."""
    parts = (HEAD.strip(), *_contents(), *_reading(catalogue), *_marts())
    return "\n".join(parts) + "\n"


def anchor_of(card: MeasureCard) -> str:
    """Return the anchor of a card's heading; a column's name alone stands in several marts.

    >>> anchor_of(next(cards_of("mart_level")))
    'mart_level-n'
    """
    return f"{card.mart}-{card.name}"


def _contents() -> Iterator[str]:
    for mart in MARTS:
        links = ", ".join(f"[{card.name}](#{anchor_of(card)})" for card in cards_of(mart))
        yield fill(
            f"- [{mart}](#{mart}): {links}",
            100,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _reading(catalogue: Catalogue) -> Iterator[str]:
    marts = catalogue.marts
    crossed, crossed_with = _listed(marts.crossed), _listed(marts.crossed_with)
    yield GROUPS.format(crossed=crossed, crossed_with=crossed_with)
    yield from _dimensions(catalogue)
    yield NOT_SHOWN.format(
        minimum_n=marts.suppression.minimum_n, effect_minimum_n=marts.gaps.effect_minimum_n
    ).rstrip()
    yield NOT_COMPARABLE.rstrip()
    yield from _breaks(catalogue)
    yield NOT_CAUSE.rstrip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _dimensions(catalogue: Catalogue) -> Iterator[str]:
    marts, vocabularies = catalogue.marts, catalogue.vocabularies
    yield from ("| dimension | groups |", "|---|---|")
    for name in (*marts.crossed, *marts.one_way):
        yield f"| `{name}` | {_codes(vocabularies[name])} |"
    yield from ("", "| roll-up | of | groups, and the codes that they hold |", "|---|---|---|")
    for name in marts.rollups:
        rollup = vocabularies[name]
        yield f"| `{name}` | `{rollup.rolls_up}` | {_members(rollup)} |"


def _codes(vocabulary: Vocabulary) -> str:
    return "; ".join(f"`{code}` {one.label}" for code, one in vocabulary.codes.items())


def _members(rollup: Vocabulary) -> str:
    """Return each code with its members; one that holds nothing but its namesake stands alone."""
    return "; ".join(
        f"`{code}`" if one.members == [code] else f"`{code}` {', '.join(one.members)}"
        for code, one in rollup.codes.items()
    )


def _breaks(catalogue: Catalogue) -> Iterator[str]:
    for name, assessment in sorted(catalogue.assessments.items()):
        for one in assessment.breaks:
            subjects = f" ({', '.join(one.subjects)})" if one.subjects else ""
            reason = " ".join(one.reason.split())
            yield f"| {name}{subjects} | {_years(one)} | {one.kind} | {reason} |"


def _years(one: Break) -> str:
    if one.to_year is None:
        return f"from {one.from_year}"
    return (
        str(one.from_year) if one.to_year == one.from_year else f"{one.from_year} to {one.to_year}"
    )


def _examples(mart: str) -> Iterator[str]:
    """Yield of whom the worked examples are; of which measures, where that differs."""
    told = list(examples_of(mart))
    for names, paragraph in told:
        yield ""
        yield paragraph if len(told) == 1 else f"{_listed(names)}. {paragraph}"


def _marts() -> Iterator[str]:
    for mart in MARTS:
        yield from ("", f"## {mart}", WHAT[mart].rstrip())
        yield from _examples(mart)
        for card in cards_of(mart):
            yield from ("", f"### {mart}: {card.name}", "", f"{card.title.removesuffix('.')}.", "")
            yield from (f"- **{label}:** {getattr(card, part)}" for label, part in PARTS)
