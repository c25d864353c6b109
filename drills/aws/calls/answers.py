"""What each answer to a boto3 client must be: one of AWS's, with the members that its reader needs.

botocore raises an error that is not among its own for a page of a proxy or an answer that was cut off, with the whole body in its
text (botocore/parsers.py, ResponseParserError). And it gives what came, whatever is missing: AWS's models call few members of an
output required ("required trait", Smithy specification), and a member that has always been there may be left out tomorrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError, ResponseParserFactory
from botocore.session import Session

from drills.errors import DrillError

_PAGE = "the answer is a page, such as a proxy has, or an endpoint without this operation, and none of AWS's"


class UnreadableAnswer(BotoCoreError):
    """An answer that is none of AWS's; nothing of its body is in the text, which could be a secret."""

    fmt = "An answer could not be read: it is not what AWS sends, or was cut off on the way"


class IncompleteAnswer(DrillError, KeyError):
    """An answer without a member that its reader needs. A KeyError too, because botocore itself may expect one."""

    def __str__(self) -> str:
        """Return the sentence, where a KeyError gives its repr."""
        return str(self.args[0])


class Answer(dict[str, Any]):
    """An answer of AWS, or a structure in it at `place`: `answer[name]` raises IncompleteAnswer where it has no such member."""

    def __init__(self, members: dict[str, Any], place: str) -> None:
        super().__init__({name: _hold(value, f"{place}.{name}") for name, value in members.items()})
        self._place = place

    def __missing__(self, name: str) -> Any:
        """Raise IncompleteAnswer."""
        there = ", ".join(sorted(self)) or "nothing"
        raise IncompleteAnswer(
            f"expected {name} in the answer of AWS, found that {self._place} has {there}: make the call by the AWS CLI; "
            "if AWS leaves it out there too, report it with the version of drills"
        )


def first(rows: Sequence[dict[str, Any]] | None) -> dict[str, Any] | None:
    """Return the first structure of a list in an answer, None where there is none."""
    return rows[0] if rows else None


def _hold(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return Answer(value, place)
    if isinstance(value, list):
        return [_hold(each, f"{place}[]") for each in value]
    return value


def _hide_page(parsed: dict[str, Any]) -> None:
    """Say of a refusal that is no JSON what it is, instead of all that it holds: botocore takes the whole page for its message.

    Its status, by which botocore repeats a call, stays.
    """
    error = parsed.get("Error", {})
    if str(error.get("Message", "")).lstrip().startswith("<"):
        error["Message"] = _PAGE


class _StrictParser:
    """A parser that raises UnreadableAnswer, and whose answers raise IncompleteAnswer."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def parse(self, response: Any, shape: Any) -> Any:
        """Return the answer as botocore reads it."""
        try:
            parsed = self._parser.parse(response, shape)
        except ResponseParserError:
            raise UnreadableAnswer() from None
        _hide_page(parsed)
        return Answer(parsed, shape.name if shape else "it")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class _StrictParsers(ResponseParserFactory):
    def create_parser(self, protocol_name: Any) -> Any:
        """Return botocore's parser of a protocol, wrapped."""
        return _StrictParser(super().create_parser(protocol_name))


def read_strictly(session: Session) -> None:
    """Let the clients of this session raise UnreadableAnswer for what is none of AWS's, IncompleteAnswer for what is not whole."""
    session.register_component("response_parser_factory", _StrictParsers())
