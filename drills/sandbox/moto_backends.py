"""How a backend of the sandbox takes the place of moto's.

moto constructs the backend of a region at the region's first request, as `backend(region_name, account_id=...)`
(AccountSpecificBackend in moto/core/base_backend.py). A sandbox backend needs more than these two, so each service gives
moto a function that adds the collaborators. No class attribute holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict


@dataclass(frozen=True, slots=True)
class UrlTable:
    """The URLs of a service and their handlers, with the names that moto reads from `backend._url_module`."""

    url_bases: Sequence[str]
    url_paths: Mapping[str, Callable[..., Any]]


def use_backend(backends: BackendDict[Any], construct: Callable[..., Any]) -> None:
    """Have moto construct every region's backend with `construct`. Call it before the service's first request.

    `construct` takes `(region_name, account_id)`; the usual one is `functools.partial(Backend, plane=plane, ...)`.
    moto's `reset` would call `__init__` without the collaborators; the sandbox refuses moto's own API, which resets.
    """
    backends.backend = construct  # type: ignore[assignment]
    backends.clear()
