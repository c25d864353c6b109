"""How moto comes to construct the sandbox's backends, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto.backup.models import BackupBackend
from moto.core.base_backend import BackendDict
from moto.core.resource_tagging import iter_taggable_backends

from drills.sandbox.base.moto_backends import install_backend

ACCOUNT, REGION = "123456789012", "eu-central-1"


class _Ours(BackupBackend):
    """A backend that needs something of ours."""

    def __init__(self, region_name: str, account_id: str, plane: object) -> None:
        super().__init__(region_name, account_id)
        self.plane = plane


@pytest.fixture
def backends() -> Iterator[BackendDict[Any]]:
    """A service of its own, which moto forgets afterwards."""
    made: BackendDict[Any] = BackendDict(BackupBackend, "backup")
    yield made
    if made in type(made)._instances:
        type(made)._instances.remove(made)


def test_a_backend_is_constructed_with_its_collaborators_and_keeps_them_over_a_reset(
    backends: BackendDict[Any],
) -> None:
    """moto passes region and account alone, each time it calls the constructor; nothing is left on the class."""
    plane = object()
    install_backend(backends, _Ours, plane=plane)

    backend = backends[ACCOUNT][REGION]
    backend.reset()

    assert isinstance(backend, _Ours)
    assert (backend.plane, backend.region_name, backend.account_id) == (plane, REGION, ACCOUNT)
    assert not hasattr(_Ours, "plane")


def test_a_backend_that_was_constructed_before_is_replaced(backends: BackendDict[Any]) -> None:
    """A region that somebody has asked already gets the installed backend as well."""
    first = backends[ACCOUNT][REGION]

    install_backend(backends, _Ours, plane=None)

    assert backends[ACCOUNT][REGION] is not first
    assert isinstance(backends[ACCOUNT][REGION], _Ours)


def test_the_tagging_api_finds_an_installed_backend(backends: BackendDict[Any]) -> None:
    """moto skips a service whose backend is a function and not a class."""
    install_backend(backends, _Ours, plane=None)
    backend = backends[ACCOUNT][REGION]

    assert backend in list(iter_taggable_backends(ACCOUNT, REGION))
