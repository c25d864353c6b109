"""A mutant that no test noticed is explained, or makes the command red."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.mutation.mutants import Explanation, Mutant, changed, explain, mutants, only_wording, outcome
from tests.mutation.run import page, problems, settings, table

SOURCE = '''
def x_judge__mutmut_orig(number):
    """Words."""
    return number < 1

def x_judge__mutmut_1(number):
    """Words."""
    return number <= 1

class Guard:
    def xǁGuardǁmake__mutmut_orig(self):
        return 1

    def xǁGuardǁmake__mutmut_1(self):
        return 2
'''


def survivor(before: str, after: str) -> Mutant:
    """A mutant that no test noticed."""
    return Mutant("drills.rooms", "judge", before, after, "survived")


def test_a_mutant_is_told_by_its_function_and_its_lines() -> None:
    """Whatever number mutmut gave it, which changes with each change of the function."""
    found = list(mutants("drills.rooms", SOURCE, {"m.x_judge__mutmut_1": 0, "m.xǁGuardǁmake__mutmut_1": 1}))

    assert found == [
        Mutant("drills.rooms", "judge", "return number < 1", "return number <= 1", "survived"),
        Mutant("drills.rooms", "Guard.make", "return 1", "return 2", "killed"),
    ]
    with pytest.raises(ValueError, match="expected the name of a mutant"):
        list(mutants("drills.rooms", SOURCE, {"m.x_judge": 0}))


def test_a_default_that_was_changed_shows_its_definition() -> None:
    """Under the function's own name, so that an explanation can name it."""
    source = "def x_wait__mutmut_orig(s=1):\n    pass\ndef x_wait__mutmut_1(s=2):\n    pass\n"

    (found,) = mutants("drills.rooms", source, {"m.x_wait__mutmut_1": 0})
    assert (found.before, found.after) == ("def wait(s=1):", "def wait(s=2):")


@pytest.mark.parametrize(
    ("code", "said"),
    [(1, "killed"), (36, "killed"), (0, "survived"), (33, "no tests"), (None, "not run"), (-9, "survived")],
)
def test_only_a_failed_test_or_an_endless_one_kills(code: int | None, said: str) -> None:
    """What ended otherwise, or was not tried, is never counted as killed."""
    assert outcome(code) == said


@pytest.mark.parametrize(
    ("before", "after", "wording"),
    [
        ('raise E("a sentence of words")', 'raise E("XXa sentence of wordsXX")', True),
        ('raise E("a sentence of words")', 'raise E("A SENTENCE OF WORDS")', True),
        ('raise E("a sentence of words")', "raise E(None)", False),
        ('return "not verified"', 'return "XXnot verifiedXX"', False),
        ('f"it is {raw.get(name)} and no other"', 'f"it is {raw.get(NAME)} and no other"', False),
        ('f("a sentence of words", 1)', 'f("a sentence of words", 2)', False),
    ],
)
def test_only_the_letters_of_a_sentence_are_wording(before: str, after: str, wording: bool) -> None:
    """A name, an outcome, what is put into a sentence and whether there is one are more than letters."""
    assert only_wording(survivor(before, after)) is wording


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (["a", "b", "c"], ["a", "x", "c"], ("b", "x")),
        (["a", "b", "b"], ["a", "b"], ("b", "")),
        (["a"], ["a", "b"], ("", "b")),
        (["a", " b", "c"], ["x", " b", "y"], ("a b c", "x b y")),
    ],
)
def test_what_differs_lies_between_what_is_the_same(
    before: Sequence[str], after: Sequence[str], lines: tuple[str, str]
) -> None:
    """One change has one begin and one end."""
    assert changed(before, after) == lines


def test_a_survivor_without_an_explanation_is_named_and_so_is_a_stale_explanation() -> None:
    """An explanation is about one function and, where it says so, about these changes alone."""
    found = [
        survivor("a < 1", "a <= 1"),
        survivor("a < 1", "a < 2"),
        Mutant("drills.rooms", "judge", "a", "b", "killed"),
    ]
    known = [
        Explanation("drills.rooms.judge", "a is never 1", ("a <= 1",)),
        Explanation("drills.rooms.other", "gone"),
    ]

    assert [explanation for _, explanation in explain(found, known)] == [known[0], None]
    unexplained, stale = problems(found, known, whole=True)
    assert "drills.rooms.judge" in unexplained
    assert "a < 2" in unexplained
    assert "drills.rooms.other" in stale
    assert "some that were not" in list(problems(found, known, whole=False))[-1]
    assert list(table(found, known))[-1] == "| **together** | 3 | 1 | 0 | 1 | 1 | 0 |"
    told = page(found, known)
    assert "`rooms.judge` (1): a is never 1" in told
    assert "- `rooms.judge`: `a < 2`" in told
    assert "gone" not in told


def test_mutmut_reads_what_a_part_says() -> None:
    """Only the modules of the part are changed, and only its tests are run."""
    text = settings({"modules": ["drills/objectives/*"], "tests": ["tests/objectives"]})

    assert 'only_mutate = ["drills/objectives/*"]' in text
    assert 'pytest_add_cli_args_test_selection = ["tests/objectives"]' in text
