"""Every code that a row, a load or a publication can carry has its words, and no words are dead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from configs.catalogue import SHIPPED, load_catalogue
from configs.errors import ConfigurationError, RociError, UsageError
from configs.models import NextStep
from flows.explaining import COMMANDS, NEXT_STEPS

ROOT = SHIPPED.parent
ROOMS = ("configs", "transforms", "validation", "warehouse", "flows")
CATALOGUE = load_catalogue()
CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
# A faulty command or configuration is told where it was typed; neither reaches the ledger.
ONLY_PRINTED = (UsageError, ConfigurationError)
VOCABULARY = {code for one in CATALOGUE.vocabularies.values() for code in one.codes}
PRIVATE = {"PROFILE"}  # marks a load's figures in the ledger: nothing that anyone is told


def error_classes() -> dict[str, type[RociError]]:
    found, todo = {}, [RociError]
    while todo:
        kind = todo.pop()
        found[kind.__name__] = kind
        todo += kind.__subclasses__()
    return found


ERRORS = error_classes()


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "demo" not in path.relative_to(ROOT).parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def text(node: ast.expr | None) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text and CODE.fullmatch(node.value) else None


def called(node: ast.Call) -> str:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def codes_in(tree: ast.Module) -> Iterator[str | None]:
    """Yield the codes that a module can emit: of its errors, rules, outcomes and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            kind = ERRORS.get(called(node))
            if kind and not issubclass(kind, ONLY_PRINTED):
                yield text(node.args[0] if node.args else None)
            if called(node) == "Rule":
                yield text(node.args[0])
            yield from (text(k.value) for k in node.keywords if k.arg in ("fault", "flag", "code"))
            if called(node) == "fault_table":
                yield from (text(argument) for argument in node.args)
        # A code that has a name of its own is called what it is: LOST_ZERO_REPAIRED = "LOST_..."
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield text(node.value) if text(node.value) == node.targets[0].id else None


def emitted() -> dict[str, str]:
    """Return every code that can be emitted, and where."""
    found = {
        code: path.relative_to(ROOT).as_posix()
        for path, tree in trees()
        for code in codes_in(tree)
        if code
    }
    for name, source in CATALOGUE.sources.items():
        found |= dict.fromkeys(source.set_aside, f"sources/{name}.yml")
        if source.repeat is not None:
            found[source.repeat.code] = f"sources/{name}.yml"
    for suite in CATALOGUE.suites.values():
        for specs in suite.expectations.values():
            found |= {spec.code: f"suites/{suite.name}.yml" for spec in specs}
    return {code: place for code, place in found.items() if code not in VOCABULARY | PRIVATE}


def quoted() -> set[str]:
    """Return every text of the code that has the form of a code, those within SQL too."""
    texts = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    within = {found for one in texts for found in re.findall(r"'([A-Z][A-Z0-9_]+)'", one)}
    return within | {one for one in texts if CODE.fullmatch(one)}


def test_the_search_for_codes_finds_one_of_every_origin():
    assert {
        "UNKNOWN_HEADER", "SCORE_OUT_OF_RANGE", "NOT_A_DATE", "LOST_ZERO_REPAIRED",
        "PRIOR_YEAR_RESULT", "REPEATED_TEST", "ROW_COUNT_SHIFT", "DATABASE_AWAY", "INTERRUPTED",
    } <= set(emitted())  # fmt: skip


def test_every_code_that_can_be_emitted_has_its_words():
    wordless = {code: at for code, at in emitted().items() if code not in CATALOGUE.codes}
    assert wordless == {}


def test_no_words_are_of_a_code_that_nothing_emits():
    assert set(CATALOGUE.codes) - set(emitted()) - quoted() == set()


@pytest.mark.parametrize("code", sorted(CATALOGUE.codes))
def test_words_are_whole_sentences_that_do_not_just_repeat_the_code(code):
    words = CATALOGUE.codes[code]
    for sentence in (words.meaning, words.remedy):
        assert sentence[0].isupper() or sentence[0] == "`", sentence
        assert sentence.endswith("."), sentence
        assert len(sentence.split()) >= 3, sentence
        assert code not in sentence


def test_a_code_of_a_suite_holds_or_warns_as_the_suite_does():
    for suite in CATALOGUE.suites.values():
        for specs in suite.expectations.values():
            for spec in specs:
                kind = CATALOGUE.codes[spec.code].kind
                assert kind in ("hold", "warn")
                assert not (spec.severity == "hold" and kind == "warn"), spec.code


def test_codes_are_written_once():
    lines = (SHIPPED / "codes.yml").read_text(encoding="utf-8").splitlines()
    keys = [line.rstrip(":") for line in lines if re.fullmatch(r"[A-Z0-9_]+:", line)]
    assert len(set(keys)) == len(keys) == len(yaml.safe_load("\n".join(lines)))


def test_every_step_that_a_code_may_offer_has_its_command():
    offered = {step for steps in NEXT_STEPS.values() for step in steps}
    assert offered <= set(get_args(NextStep)) <= set(COMMANDS)


def test_only_a_code_that_stops_a_load_says_what_is_next():
    said = {words.kind for words in CATALOGUE.codes.values() if words.next}
    assert said <= {"file", "hold", "infrastructure"}
