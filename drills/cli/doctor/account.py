"""What a profile needs of AWS: who acts, whether its endpoints answer, and whether the clocks agree. Reads STS alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws.clock_offset import ClockOffsetProbe, clock_note, skew_of
from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.session import SERVICES, Clients
from drills.aws.sides import open_source
from drills.cli.doctor.line import Line, looked_at, problem
from drills.cli.doctor.reach import answer_of
from drills.clock import Clock
from drills.config.load import Config, EndpointProfile

SKEW = timedelta(minutes=5).total_seconds()  # beyond it AWS refuses a signature


def lines(config: Config, clock: Clock) -> Iterator[Line]:
    """Yield what AWS needs. Raises nothing: what cannot be known is a problem."""
    yield looked_at("guards", lambda: _guards(config))
    if isinstance(config.profile, EndpointProfile):
        url, needed = config.profile.endpoint_url, needed_by(config.target)
        yield looked_at("endpoint", lambda: _endpoint(url, needed))
    try:
        clients = open_source(config)
    except Exception as error:  # of drills, or of botocore for a profile of credentials that is not whole
        yield problem("credentials", str(error))
        return
    if not isinstance(config.profile, EndpointProfile):
        yield from _reached(clients, needed_by(config.target))
    probe = ClockOffsetProbe(clock)
    probe.watch(clients.sts)
    yield looked_at("credentials", lambda: _caller(config, clients))
    yield _clock(probe)


def _guards(config: Config) -> Line:
    guards.check_plan(config)
    return Line("guards", "ok", "the configuration allows a drill")


def _endpoint(url: str, needed: Sequence[str]) -> Line:
    health = check_endpoint(url, needed)
    has = f'; version {health.version}, edition "{health.edition}", has {", ".join(needed)}' if health else ""
    return Line("endpoint", "ok", f"{url} answers{has}")


def _reached(clients: Clients, needed: Sequence[str]) -> Iterator[Line]:
    """Yield whether each endpoint answers a request that nobody signed: any answer of HTTP shows that it does."""
    urls = {name: getattr(clients, name).meta.endpoint_url for name in SERVICES}
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = dict(zip(urls, pool.map(answer_of, urls.values()), strict=True))
    for name, url in urls.items():
        said = answers[name]
        remedy = "allow it in the firewall or the VPC (an interface endpoint), or set HTTPS_PROXY or AWS_CA_BUNDLE"
        if not said:
            yield Line(f"reach {name}", "ok", url)
        elif name in {*needed, "backup"}:
            yield problem(f"reach {name}", f"{url}: {said}", remedy)
        else:
            yield Line(f"reach {name}", "note", f"{url}: {said}; needed by some targets", remedy)


def _caller(config: Config, clients: Clients) -> Line:
    try:
        said = clients.sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return problem(
            "credentials", f"STS does not know them: {error}", skew_of(error) or "log in, or name a credentials profile"
        )
    guards.check_caller(config, str(said["Account"]), clients.region)
    return Line("credentials", "ok", f"{said['Arn']} in {clients.region}")


def _clock(probe: ClockOffsetProbe) -> Line:
    offset = probe.offset()
    if offset is None:
        return Line("clock", "note", "not compared: no answer of AWS came", "mend what is named above")
    note = clock_note(offset)
    if not note:
        return Line("clock", "ok", "this machine's and AWS's agree to the second")
    remedy = "set this machine's clock, such as by NTP"
    if abs(offset.low_seconds) > SKEW:
        return problem("clock", note, remedy)
    return Line("clock", "note", note, remedy)
