"""A notice to people, as every service gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NoticeKind = Literal["failure", "objective missed", "clean-up incomplete", "missed drill", "success"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of one target. `kinds` are what it is, the gravest first; `signature` is what makes two of them duplicates.

    `title` is one line; `lines` are the rest, none for what is said in one line.
    """

    kinds: tuple[NoticeKind, ...]
    profile: str
    target: str
    simulated: bool
    title: str
    lines: tuple[str, ...] = ()
    signature: str = ""
    run_id: str = ""

    @property
    def quiet(self) -> bool:
        """Whether it says that all is well."""
        return self.kinds == ("success",)
