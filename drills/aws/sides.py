"""Opens the clients of a configuration: of the source's side, and of the side that copies are restored on.

The two are often one. Each caller identifies (drills/aws/session.py) a side when its guards allow it: a role may be assumed
only from an account that the profile allows.
"""

from __future__ import annotations

import os

from drills.aws import session
from drills.aws.recorder import CallRecorder
from drills.aws.session import Clients
from drills.config.load import Config


def open_source(config: Config, endpoint_url: str | None = None, recorder: CallRecorder | None = None) -> Clients:
    """Return clients for the side of the source. Calls nothing yet; `endpoint_url` is the running sandbox's address."""
    return session.open_clients(
        config.profile,
        environment=os.environ,
        endpoint_url=endpoint_url,
        call=config.limits.call,
        recorder=recorder,
    )


def open_restore(config: Config, source: Clients, endpoint_url: str | None = None) -> Clients:
    """Return clients for the side that copies are restored on: `source` itself unless a role or a region is configured."""
    restore = config.target.restore
    if not (restore.role_arn or restore.region):
        return source
    return session.open_clients(
        config.profile,
        environment=os.environ,
        endpoint_url=endpoint_url,
        restore=restore,
        call=config.limits.call,
        recorder=source.recorder,
    )
