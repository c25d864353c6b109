"""The certificate authority of one sandbox, so that clients connect with `sslmode=verify-full` as they do to RDS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import trustme

from drills.clock import SystemClock
from drills.files import open_privately

ALPN = "postgresql"
VALID = timedelta(days=30)
_EARLIER = timedelta(hours=1)  # the clocks of a container and its host differ a little


@dataclass(frozen=True, slots=True)
class Authority:
    """The files of an authority: `ca.pem`, and `server.pem` and `server.key` for this machine's loopback names."""

    folder: Path

    @property
    def ca_path(self) -> Path:
        """The CA file, a client's `sslrootcert`."""
        return self.folder / "ca.pem"

    def server_context(self) -> ssl.SSLContext:
        """Return the server's side of TLS, with PostgreSQL's ALPN name.

        https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.set_alpn_protocols([ALPN])
        return context


def make_authority(folder: Path) -> Authority:
    """Create an authority in `folder`, and a certificate for localhost, 127.0.0.1 and ::1 that is valid for 30 days.

    The authority's own key is never written: nothing can be signed with it later. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = SystemClock().now()
    authority = trustme.CA(path_length=0, organization_name="drills", organization_unit_name="sandbox authority")
    server = authority.issue_cert(
        *("localhost", "127.0.0.1", "::1"),
        common_name="localhost",
        organization_name="drills",
        organization_unit_name="sandbox",
        not_before=now - _EARLIER,
        not_after=now + VALID,
    )
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "server.pem").write_bytes(b"".join(each.bytes() for each in server.cert_chain_pems))
    (folder / "server.key").unlink(missing_ok=True)  # an older one may have another mode
    with open_privately(folder / "server.key") as key:
        key.write(server.private_key_pem.bytes())
    return Authority(folder)
