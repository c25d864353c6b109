"""What a shell offers for an argument that takes a word or a folder: as `drills report`, whose first word may be `merge`."""

from __future__ import annotations

import argparse
from typing import Any

_ATTRIBUTE = "offered_words"


def offer(action: argparse.Action, *words: str) -> None:
    """Let shells offer these words for an argument, beside folders."""
    setattr(action, _ATTRIBUTE, words)


def offered(action: argparse.Action) -> tuple[str, ...]:
    """Return the words that an argument offers; none for most."""
    words: tuple[str, ...] = getattr(action, _ATTRIBUTE, ())
    return words


def pattern(action: argparse.Action) -> dict[str, Any]:
    """Return what shtab takes for such an argument: a function of each shell, and its text."""
    name, words = f"_drills_words_or_folders_of_{action.dest}", " ".join(offered(action))
    bash = f'{name}() {{\n  compgen -W "{words}" -- "$1"\n  _shtab_compgen_dirs "$1"\n}}'
    zsh = f"{name}() {{\n  _alternative 'words:word:({words})' 'folders:folder:_files -/'\n}}"
    return {
        "preamble": {"bash": bash, "zsh": zsh},
        "bash": name,
        "zsh": name,
        "fish": f"{words} (__fish_complete_directories)",
    }
