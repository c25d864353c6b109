"""What a failure of AWS means and what to type next: one table, remedies.toml, for all sentences about failed calls and jobs.

`python -m drills.aws.remedies` prints docs/troubleshooting.md, which is the same table.
"""

from __future__ import annotations

import functools
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.clock_offset import skew_of

TABLE = Path(__file__).with_name("remedies.toml")
WIDTH = 128  # of a line of the page
_PAGE = """\
A call that fails, or a job of AWS Backup that ends badly, is shown with AWS's own words, what they mean, and what to type next.
This page is the table behind these sentences, in the order in which it is read: the first row whose words are in the message
holds, else the first that has the code. Words in capitals, such as ROLE, stand for yours.

`python -m drills.aws.remedies` prints this page from drills/aws/remedies.toml. What is not in it is shown as AWS says it. Each
row has its public source; AWS may have changed its words since.
"""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One row: error codes, or what the message says; what that means, what to type next, and the public source of it."""

    title: str
    codes: tuple[str, ...]
    says: str
    means: str
    next: str
    source: str

    @property
    def sentence(self) -> str:
        """Meaning and next step, for the end of a sentence about the failure."""
        return f"{self.means}: {self.next}"


@functools.cache
def remedies() -> tuple[Remedy, ...]:
    """Return the table, in the order in which it is read."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["remedy"]
    return tuple(Remedy(**{**row, "codes": tuple(row["codes"])}) for row in rows)


def remedy_of(code: str, message: str) -> Remedy | None:
    """Return the row about a failure, None where the table has none. Pure."""
    by_words = (row for row in remedies() if row.says and re.search(row.says, message, re.IGNORECASE))
    return next(by_words, None) or next((row for row in remedies() if code in row.codes), None)


def remedy_of_error(error: ClientError | BotoCoreError) -> Remedy | None:
    """Return the row about an error of boto3: by AWS's code and message, or by the class of one that is botocore's own."""
    if not isinstance(error, ClientError):
        names = [each.__name__ for each in type(error).__mro__]
        return next((found for name in names if (found := remedy_of(name, ""))), None)
    answered = error.response.get("Error", {})
    return remedy_of(str(answered.get("Code", "")), str(answered.get("Message", "")))


def error_text(error: ClientError | BotoCoreError) -> str:
    """Return the error's message in one line."""
    return " ".join(str(error).split())


def explain(error: ClientError | BotoCoreError, otherwise: str) -> str:
    """Return AWS's words, what they mean and what to type next: `otherwise` where the table of remedies has no such failure."""
    known = remedy_of_error(error)
    return f"{error_text(error)}; {skew_of(error) or (known.sentence if known else otherwise)}"


def advice(message: str, otherwise: str = "") -> str:
    """Return what the StatusMessage of a failed job means and what to type next, `otherwise` where the table does not know it."""
    found = remedy_of("", message)
    return found.sentence if found else otherwise


def page(rows: Iterable[Remedy]) -> str:
    """Return docs/troubleshooting.md."""
    blocks = ["# When AWS refuses", *(_wrap(part) for part in _PAGE.split("\n\n"))]
    for row in rows:
        codes = ", ".join(f"`{code}`" for code in row.codes)
        says = f"a message like `{row.says}`" if row.says else ""
        known = " · ".join(part for part in (codes, says) if part)
        means = f"{row.means[0].upper()}{row.means[1:]}."
        blocks += [f"## {row.title}", *map(_wrap, (f"AWS says: {known}", means, f"**Next:** {row.next}."))]
        blocks.append(f"Source: <{row.source}>")
    return "\n\n".join(blocks) + "\n"


def _wrap(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(page(remedies()))
