"""Equal names and definitions of two catalogs, each of them held once: of many tables they are most of what a check holds."""

from __future__ import annotations

from collections.abc import Mapping


class Alike:
    """The names and definitions of a section, those of the same section of another catalog first."""

    def __init__(self, other: Mapping[str, str]) -> None:
        """`other` is the section of the other catalog, empty where there is none."""
        self._other = other
        self._names = {name: name for name in other}
        self._texts: dict[str, str] = {}

    def name(self, name: str) -> str:
        """Return an equal name of the other catalog, else this one."""
        return self._names.get(name, name)

    def definition(self, name: str, text: str) -> str:
        """Return an equal text that is known: the other catalog's for this name, or one of this section's."""
        known = self._other.get(name)
        # all tables of an owner are defined in the same words
        return known if known is not None and known == text else self._texts.setdefault(text, text)
