"""Give moto the RDS of the sandbox."""

from __future__ import annotations

import moto.rds.urls
from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.rds.answers.responses import SandboxRDSResponse
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.network import admits
from drills.sandbox.state import DataPlane

_URLS = UrlTable(moto.rds.urls.url_bases, {"{0}/$": SandboxRDSResponse.dispatch})


def install(plane: DataPlane) -> None:
    """Make this the RDS of moto; before its first request."""
    plane.ports.admits = admits
    install_backend(rds_backends, SandboxRDS, plane=plane, urls=_URLS, clusters_apart={})
