"""Whether an address answers HTTP at all, as this machine reaches it."""

from __future__ import annotations

from typing import Any

WITHIN = 5  # seconds for one address


def answer_of(url: str) -> str:
    """Return why an address gives no answer to a request that nobody signed; "" where it does, whatever it answers."""
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    session: Any = URLLib3Session(proxies=get_environ_proxies(url), timeout=WITHIN)
    try:
        session.send(AWSRequest("GET", url).prepare())
    except (BotoCoreError, OSError) as error:
        return " ".join(str(error).split())
    finally:
        session.close()
    return ""
