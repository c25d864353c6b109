"""What is read from a page, and what counts as the same output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import pages, run, shape

_PAGE = """\
# A page

```console
$ ls
a
b
$ cat > file <<'EOF'
it's text
EOF
$ echo "two
lines" && \\
    echo three
```

<!-- not run: needs an account -->
```console
$ .tox/drill/bin/drills posture --profile production # daily
```

<!-- exits with 11 -->
<!-- interrupted after 3 s -->
```console
$ eval "$(.tox/drill/bin/drills sandbox up --port 80)"
```

It prints

<!-- from "^b" to "^c" without "noise" -->
```text
b
```

## Another heading

```text
no output
```
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[pages.Command]:
    """The commands of the page above."""
    monkeypatch.setattr(pages, "CHECKOUT", tmp_path)
    (tmp_path / "page.md").write_text(_PAGE, encoding="utf-8")
    return pages.commands(tmp_path / "page.md")


def test_commands_reach_over_lines(found: list[pages.Command]) -> None:
    """Here-documents, quotations and backslashes go on; what follows a command up to the next prompt is its output."""
    assert [command.line for command in found] == [4, 7, 10, 17, 23]
    assert found[1].text == "cat > file <<'EOF'\nit's text\nEOF"
    assert found[2].text == 'echo "two\nlines" && \\\n    echo three'
    assert [command.output.text for command in found if command.output] == ["a\nb", "b"]


def test_what_is_copied_of_a_block_is_its_commands() -> None:
    """The button of the site leaves out prompts and output, and takes here-documents whole."""
    first, *_, last = pages.to_copy(_PAGE)

    assert first == "ls\ncat > file <<'EOF'\nit's text\nEOF\necho \"two\nlines\" && \\\n    echo three"
    assert last == 'eval "$(.tox/drill/bin/drills sandbox up --port 80)"'


def test_markers_say_how_a_block_is_run(found: list[pages.Command]) -> None:
    """A reason, an exit code and an end by Ctrl-C stand before the block."""
    assert [command.not_run for command in found] == ["", "", "", "needs an account", ""]
    assert [command.exit_code for command in found] == [0, 0, 0, 0, 11]
    assert [command.seconds for command in found][3:] == [None, 3.0]


def test_markers_choose_what_is_shown(found: list[pages.Command]) -> None:
    """An excerpt reaches from the first line that fits to the last one, without some."""
    output = found[-1].output
    assert output is not None
    assert output.excerpt("a\nb 1\nnoise\nb 2\nc 1\nc 2\nd") == "b 1\nb 2\nc 1\nc 2"
    assert output.excerpt("nothing of it") == ""


def test_calls_of_the_suite_are_found(found: list[pages.Command]) -> None:
    """The arguments of `drills`, also inside of a substitution, without the comment."""
    calls = [list(pages.called(command)) for command in found]

    assert calls[:3] == [[], [], []]
    assert calls[3:] == [[["posture", "--profile", "production"]], [["sandbox", "up", "--port", "80"]]]


@pytest.mark.parametrize(
    ("text", "drill"),
    [
        ("python3 -m venv .venv && .venv/bin/tox -e drill   # the sample", ".tox/drill/bin/drills run"),
        (".venv/bin/tox -e drill -- --seed my.dump", ".tox/drill/bin/drills run --seed my.dump"),
        (".tox/drill/bin/drills run  --seed my.dump # yours", ".tox/drill/bin/drills run --seed my.dump"),
        (".venv/bin/tox -e drill --notest", ".tox/drill/bin/drills run --notest"),
    ],
)
def test_a_drill_is_the_same_whoever_calls_it(text: str, drill: str) -> None:
    """A whole drill that two pages show is run once, also where one of them calls it by tox."""
    assert run.drill_of(text) == drill


def test_a_block_without_a_prompt_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console block begins with a command, else its text would never be run."""
    monkeypatch.setattr(pages, "CHECKOUT", tmp_path)
    (tmp_path / "page.md").write_text("```console\nls\n```\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"page\.md:2: expected a command after"):
        pages.commands(tmp_path / "page.md")


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("[   2.2 s] back up: 39 ms", "[ 12.0 s] back up: 1 m 3 s"),
        ("run 20261128-144349-f700 at 2026-11-28 14:43:59 UTC", "run 20261129-031223-1803 at 2026-11-29 03:12:51 UTC"),
        ("http://127.0.0.1:35733 3f2b9c1a", "http://127.0.0.1:80 a04cd512"),
        ("to Sun 31 Oct 2027 14:10 CET", "to Mon 01 Nov 2027 04:10 CET"),
        ("a   b c\n─────", "a b\n    c\n──"),
    ],
)
def test_what_differs_from_run_to_run_is_no_difference(shown: str, output: str) -> None:
    """Times, dates, durations, ids, digests, ports and the width of columns are masked."""
    assert shape.difference(shown, output) == ""


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("exit code 0: all promises held", "exit code 11: verification failed"),
        ("13 tables compared", "12 tables compared"),
        ("RTA 2.7 s", "RTA not measured"),
        ("one\n\ntwo three", "one two\n\nthree"),
        ("something", ""),
    ],
)
def test_other_words_are_a_difference(shown: str, output: str) -> None:
    """Words, counts and exit codes are compared, paragraph by paragraph."""
    assert shape.difference(shown, output)
