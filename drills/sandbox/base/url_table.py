"""The URLs of a service of the sandbox, in the form that moto reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class UrlTable:
    """URLs and their handlers; a backend returns it as `_url_module` (moto/core/base_backend.py, BaseBackend)."""

    url_bases: Sequence[str]
    url_paths: Mapping[str, Callable[..., Any]]
