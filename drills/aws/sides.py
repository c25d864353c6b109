"""Opens the clients of a configuration: of the source's side, and of the side that copies are restored on.

The two are often one. Each caller identifies (drills/aws/session.py) a side when its guards allow it: a role may be assumed
only from an account that the profile allows.
"""

from __future__ import annotations

import dataclasses
import os

from drills.aws import session
from drills.aws.guarded.permits import Role
from drills.aws.recorder import CallRecorder
from drills.aws.session import Clients
from drills.config.load import Config


def open_source(
    config: Config, endpoint_url: str | None = None, recorder: CallRecorder | None = None, role: Role = "reads"
) -> Clients:
    """Return clients for the side of the source, which read unless their role says what else they may send.

    Calls nothing yet; `endpoint_url` is the running sandbox's address.
    """
    return session.open_clients(
        config.profile,
        environment=os.environ,
        endpoint_url=endpoint_url,
        call=config.limits.call,
        recorder=recorder,
        role=role,
    )


def open_restore(config: Config, source: Clients, endpoint_url: str | None = None, role: Role = "reads") -> Clients:
    """Return clients for the side that copies are restored on, with the source's account where the two sides are one.

    They are others than the source's, whose clients never send a drill's changes; where they only read, they may be the same.
    """
    restore = config.target.restore
    if not restore.apart:
        if role == "reads":
            return source
        return dataclasses.replace(open_source(config, endpoint_url, source.recorder, role), account=source.account)
    return session.open_clients(
        config.profile,
        environment=os.environ,
        endpoint_url=endpoint_url,
        restore=restore,
        call=config.limits.call,
        recorder=source.recorder,
        role=role,
    )
