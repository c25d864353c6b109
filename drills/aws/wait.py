"""The project's own poller for instance status; boto3's waiters are not used.

The waiter `db_instance_available` ends after 30 minutes whatever the restore needs, waits that long on
`incompatible-network`, `storage-full` and other states that never become available, and returns at once after a modify
because the instance is *still* available (boto3 issues 609 and 2613 on GitHub; botocore's waiter model).
"""

from __future__ import annotations

from collections.abc import Callable

from drills.clock import Clock
from drills.durations import show_duration
from drills.errors import RestoreFailed
from drills.model.instance import Instance, StatusChange

# Source: "Viewing DB instance status" in the Amazon RDS User Guide. An instance in one of these needs a person.
NEVER_AVAILABLE = frozenset(
    {
        "failed",
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
        "deleting",
        "deleted",
    }
)

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
    unknown_for: float = 60.0,
) -> Instance:
    """Poll until `consecutive` answers in a row say available with nothing pending; return the last of them.

    The times are seconds; `key` is where drill.toml sets the timeout. `unknown_for` bounds how long the
    instance may be unknown to describe calls without a break (eventual consistency, most of all right after the request).
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
            _refuse_unknown(now - known_at, unknown_for)
        else:
            _refuse_hopeless(instance)
        settled = instance is not None and instance.status == "available" and not instance.pending and instance.host
        in_a_row = in_a_row + 1 if settled else 0
        if instance is not None and in_a_row >= consecutive:
            return instance
        if now - began >= timeout:
            pending = f", pending: {', '.join(status[1])}" if status[1] else ""
            raise RestoreFailed(
                f"expected 'available' with nothing pending within {show_duration(timeout)}, found {status[0]!r}"
                f"{pending}: read the instance's events, or raise {key}"
            )
        clock.sleep(every)


def _refuse_hopeless(instance: Instance) -> None:
    if instance.status in NEVER_AVAILABLE:
        raise RestoreFailed(
            f"instance {instance.id!r} is {instance.status!r} and never becomes available from there, expected "
            "'available': read its events with describe-events and remove the cause"
        )


def _refuse_unknown(waited: float, unknown_for: float) -> None:
    if waited >= unknown_for:
        raise RestoreFailed(
            f"expected the scratch instance to be known to DescribeDBInstances, it was unknown for "
            f"{show_duration(waited)}: see whether somebody removed it"
        )
