"""Has moto construct the sandbox's backends with the objects that they work with, and lists them."""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend


def install_backend(backends: BackendDict[Any], backend: type[BaseBackend], **collaborators: Any) -> None:
    """Make `backend` the class that moto constructs for each account and region; call it before the first request.

    moto passes region and account alone, when it constructs a backend and when it resets one. Its tagging API skips
    whatever is no class (moto/core/resource_tagging.py, `iter_taggable_backends`), so that a function cannot take the
    place of the class: a subclass adds the collaborators, and no state is kept in class attributes.
    """

    def construct(self: Any, region_name: str, account_id: str) -> None:
        backend.__init__(self, region_name, account_id, **collaborators)

    members = {"__init__": construct, "__module__": backend.__module__, "__doc__": backend.__doc__}
    backends.backend = type(backend.__name__, (backend,), members)
    backends.clear()


def all_backends(backends: BackendDict[Any]) -> list[Any]:
    """Return the backends of one service of every account and region that was used so far."""
    return [backend for regions in list(backends.values()) for backend in list(regions.values())]
