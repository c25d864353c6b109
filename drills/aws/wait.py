"""The project's own poller for instance status; boto3's waiters are not used.

The waiter `db_instance_available` ends after 30 minutes whatever the restore needs, waits that long on
`incompatible-network`, `storage-full` and other states that never become available, and returns at once after a modify
because the instance is *still* available (boto3 issues 609 and 2613 on GitHub; botocore's waiter model).
"""

from __future__ import annotations

from collections.abc import Callable

from drills.clock import Clock
from drills.durations import show_duration
from drills.errors import RestoreFailed, StillRestoring
from drills.model.instance import Instance, StatusChange

# Source: "Viewing DB instance status" in the Amazon RDS User Guide. An instance in one of these needs a person.
NEVER_AVAILABLE = frozenset(
    {
        "failed",
        "delete-precheck",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-create",
        "incompatible-credentials",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "inaccessible-encryption-credentials",
        "insufficient-capacity",
        "restore-error",
        "storage-full",
        "stopped",
        "upgrade_failed",
        "deleting",
        "deleted",
    }
)
# "remains available": RDS reads the rest of a restored volume from S3, or moves blocks after a change of the storage, for hours
# (the same page). Both slow reads down, which the cold and warm queries of a drill measure.
OPERATIONAL = frozenset({"available", "storage-initialization", "storage-optimization"})
# seconds for which describe calls may not know an instance without a break: eventual consistency, most of all after the request
UNKNOWN_FOR = 60.0
# A longer wait is polled less often, since RDS throttles an account as a whole; a moment is still known to within 1 % of it.
RELAXED, SLOWEST = 0.01, 60.0  # a pause's share of the time waited so far, and its length at most (seconds)

Describe = Callable[[], Instance | None]
OnChange = Callable[[StatusChange], None]


def wait_available(
    describe: Describe,
    clock: Clock,
    *,
    every: float,
    timeout: float,
    key: str,
    on_change: OnChange,
    consecutive: int = 2,
    settled: Callable[[Instance], bool] | None = None,
) -> Instance:
    """Poll until `consecutive` answers in a row say that the instance is settled; return the last of them.

    The times are seconds, `every` at least between two polls; `key` is where drill.toml sets the timeout.
    `settled` None: it must answer clients, see is_settled.
    Each change of status or of what is pending goes to `on_change`. Raises RestoreFailed when the status is one that never
    becomes available, or time is up.
    """
    began = known_at = clock.monotonic()
    last: tuple[str, tuple[str, ...]] | None = None
    in_a_row = 0
    while True:
        instance = describe()
        status = ("unknown", ()) if instance is None else (instance.status, instance.pending)
        if status != last:
            on_change(StatusChange(clock.now(), *status))
            last = status
        now = clock.monotonic()
        known_at = known_at if instance is None else now
        if instance is None:
            _refuse_unknown(now - known_at)
        else:
            _refuse_hopeless(instance)
        in_a_row = in_a_row + 1 if instance is not None and (settled or is_settled)(instance) else 0
        if instance is not None and in_a_row >= consecutive:
            return instance
        if now - began >= timeout:
            pending = f", pending: {', '.join(status[1])}" if status[1] else ""
            raise StillRestoring(
                f"expected 'available' with nothing pending within {show_duration(timeout)}, found {status[0]!r}"
                f"{pending}: read its events, or raise {key}"
            )
        clock.sleep(pause_after(now - began, every))


def is_settled(instance: Instance) -> bool:
    """Return whether the instance answers clients, under an address that is known, and nothing is pending. Pure."""
    return instance.status in OPERATIONAL and not instance.pending and bool(instance.host)


def pause_after(waited: float, every: float) -> float:
    """Return how long to pause between two polls, in seconds, after `waited` seconds: `every`, and longer in a long wait. Pure.

    RDS lets an account make 300 requests at once and 12 a second in the long run ("Request throttling for the Amazon RDS API",
    Amazon RDS User Guide); whatever else asks RDS in the account shares that.
    """
    return max(every, min(waited * RELAXED, SLOWEST))


def _refuse_hopeless(instance: Instance) -> None:
    if instance.status in NEVER_AVAILABLE:
        raise RestoreFailed(
            f"{instance.kind} {instance.id!r} is {instance.status!r} and never becomes available from there, expected "
            "'available': read its events with describe-events and remove the cause"
        )


def _refuse_unknown(waited: float) -> None:
    if waited >= UNKNOWN_FOR:
        raise RestoreFailed(
            f"expected the copy to be known to RDS, it was unknown for "
            f"{show_duration(waited)}: see whether somebody removed it"
        )
