"""The states of a study, the transitions between them, and that no module compares their names by hand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rater
from rater.study.state import PUBLISHED_STATES, TRANSITIONS, State, transitions_from

ROOT = Path(rater.__file__).parent
# "generated" is left out: `when="generated"` of the steering library means generated tokens
NAMES = {state.value for state in PUBLISHED_STATES}


@pytest.mark.parametrize(
    ("group", "states"),
    [
        ("takes_raters", {State.PUBLISHED, State.OPEN, State.PAUSED}),
        ("is_over", {State.CLOSED, State.UNBLINDED, State.ARCHIVED}),
        ("is_unblinded", {State.UNBLINDED, State.ARCHIVED}),
    ],
)
def test_states_are_grouped_by_what_they_allow(group: str, states: set[State]) -> None:
    assert {state for state in State if getattr(state, group)} == states


def test_only_a_closed_study_can_be_unblinded_and_only_an_unblinded_one_archived() -> None:
    assert State.UNBLINDED.sources == {State.CLOSED}
    assert State.ARCHIVED.sources == {State.UNBLINDED}


def test_an_unblinded_study_cannot_come_back_into_a_state_that_takes_raters() -> None:
    reached, found = set[State](), {State.UNBLINDED}
    while found:
        reached |= found
        found = {each.target for state in found for each in transitions_from(state)} - reached

    assert reached == {State.UNBLINDED, State.ARCHIVED}


def test_no_two_transitions_lead_from_one_state_to_the_same_other_one() -> None:
    pairs = [(source, each.target) for each in TRANSITIONS for source in each.sources]

    assert len(pairs) == len(set(pairs))


def test_every_state_can_be_reached_and_is_described() -> None:
    assert {each.target for each in TRANSITIONS} == set(PUBLISHED_STATES)
    assert all(state.description.endswith(".") for state in State)


def test_no_module_compares_a_state_by_its_name() -> None:
    written = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(ROOT.rglob("*.py"))
        if path != ROOT / "study" / "state.py"
        for line in compared_names(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert written == [], "Compare with State, or use one of its properties."


def test_no_template_compares_a_state_by_its_name() -> None:
    compared = re.compile(rf"""(==|!=|\bin\b)[^%}}]*["']({"|".join(NAMES)})["']""")

    assert [str(path) for path in ROOT.rglob("*.html") if compared.search(path.read_text("utf-8"))] == []


def compared_names(tree: ast.Module) -> Iterator[int]:
    """Yield the lines where the name of a state is compared, or is in a set, or is a key of a mapping."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                parts = [left, *others]
            case ast.Set(elts=parts) | ast.MatchOr(patterns=parts):
                pass
            case ast.Dict(keys=keys):
                parts = [key for key in keys if key is not None]
            case ast.MatchValue(value=value):
                parts = [value]
            case _:
                continue
        for part in parts:
            inner = part.elts if isinstance(part, ast.Tuple | ast.List) else [part]
            yield from (each.lineno for each in inner if is_name(each))


def is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in NAMES


def test_the_search_finds_names_that_are_compared() -> None:
    code = 'a = {"open"}\nb = x == "closed"\nc = x in ("paused", "y")\nd = {"archived": 1}\ne = f("open")'

    assert sorted(compared_names(ast.parse(code))) == [1, 2, 3, 4]
