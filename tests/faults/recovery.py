"""Faults of WAL, its archive and the recovery's target: copies that start, and hold an older state than they should."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.faults.model import RESTORE, RecoveryCase
from tests.faults.recoveries import Recovery, failed_over, from_lagging_standby

Harm = Callable[[Recovery], None]
_STALE = ("canary", "content")
_NAMES = "canary|lab.pair"


def _no_archive(recovery: Recovery) -> None:
    for segment in recovery.folder.iterdir():
        segment.unlink()


def _gap(recovery: Recovery) -> None:
    recovery.segments[1].unlink()


def _without_newest(recovery: Recovery) -> None:
    recovery.segments[-1].unlink()


def _zeroed(recovery: Recovery) -> None:
    segment = recovery.segments[1]
    recovery.rewrite(segment, bytes(segment.stat().st_size))


def _damaged(recovery: Recovery) -> None:
    segment = recovery.segments[2]
    content = bytearray(segment.read_bytes())
    content[100:200] = bytes(byte ^ 0xFF for byte in content[100:200])
    recovery.rewrite(segment, bytes(content))


def _another(recovery: Recovery) -> None:
    second, third = recovery.segments[1:3]
    recovery.rewrite(second, third.read_bytes())


def _short(recovery: Recovery) -> None:
    segment = recovery.segments[1]
    recovery.rewrite(segment, segment.read_bytes()[: segment.stat().st_size // 16])


def _empty(recovery: Recovery) -> None:
    recovery.rewrite(recovery.segments[1], b"")


def _target(**settings: str) -> Harm:
    return lambda recovery: recovery.settings.update(
        {f"recovery_target_{name}": value for name, value in settings.items()}
    )


def _early(recovery: Recovery) -> None:
    recovery.settings["recovery_target_time"] = (recovery.at(2) + timedelta(milliseconds=1)).isoformat()


def _early_position(recovery: Recovery) -> None:
    recovery.settings["recovery_target_lsn"] = recovery.wanted.positions[1]


def _gap_before_target(recovery: Recovery) -> None:
    _gap(recovery)
    recovery.settings["recovery_target_time"] = recovery.at(3).isoformat()


def _wrong_folder(recovery: Recovery) -> None:
    recovery.settings["restore_command"] = f"cp {recovery.folder}-elsewhere/%f %p"


def _never_stored(recovery: Recovery) -> None:
    recovery.settings["restore_command"] = "false"


def _no_signal(recovery: Recovery) -> None:
    recovery.signal = ""


def _no_history(recovery: Recovery) -> None:
    for history in recovery.folder.glob("*.history"):
        history.unlink()


def fault(number: str, name: str, damage: str, harm: Harm, found_by: tuple[str, ...] = _STALE,
          names: str = _NAMES) -> RecoveryCase:  # fmt: skip
    """A fault of a recovery, which must end at an older state than it should or not at all."""
    return RecoveryCase(id=number, name=name, damage=damage, harm=harm, found_by=found_by, names=names)


CASES = (
    RecoveryCase(id="N20", name="recovered-to-the-end", damage="nothing: base backup and archive were recovered", harmless=True,
                 harm=lambda recovery: None, listed=r"lab\.cache"),
    RecoveryCase(id="N21", name="recovered-after-failover", damage="nothing: the recovery follows the branch that was promoted",
                 harmless=True, harm=lambda recovery: None, backup=failed_over, listed=r"lab\.cache"),
    fault("P22", "wal-gap", "a WAL segment is missing, and no target was asked for", _gap),
    fault("P22b", "wal-newest-missing", "the newest WAL segment never reached the archive", _without_newest),
    fault("P22c", "wal-archive-empty", "the archive holds nothing", _no_archive),
    fault("P23", "wal-zeroed", "a WAL segment is empty", _zeroed),
    fault("P23b", "wal-damaged", "bytes of a WAL segment are others", _damaged),
    fault("P23c", "wal-of-another", "a WAL segment lies under another one's name", _another),
    fault("P24", "wal-short", "a WAL segment has lost its end", _short, (RESTORE,), "size|WAL|invalid"),
    fault("P24b", "wal-empty-file", "a WAL segment is a file of 0 bytes", _empty, (RESTORE,), "size|WAL|invalid"),
    fault("P25", "target-beyond", "the instant that was asked for is beyond the archive's end", _target(time="2099-01-01"),
          (RESTORE,), "recovery ended before"),
    fault("P26", "gap-before-target", "a WAL segment is missing before the instant that was asked for", _gap_before_target,
          (RESTORE,), "recovery ended before"),
    fault("P26b", "target-unknown", "the restore point that was asked for is not in the archive", _target(name="nightly"),
          (RESTORE,), "recovery ended before"),
    fault("P27", "target-too-early", "the recovery ends at an instant that is too early", _early),
    fault("P27b", "target-position-too-early", "the recovery ends at a position that is too early", _early_position),
    fault("P28", "target-immediate", "the recovery ends as soon as the copy is consistent", lambda recovery:
          recovery.settings.update({"recovery_target": "immediate"})),
    RecoveryCase(id="P42", name="old-timeline", damage="after a failover the recovery follows the branch that was left",
                 harm=_target(timeline="1"), backup=failed_over, found_by=_STALE, names=_NAMES),
    RecoveryCase(id="P42b", name="history-missing", damage="the file that tells of a failover is missing from the archive",
                 harm=_no_history, backup=failed_over, found_by=_STALE, names=_NAMES),
    RecoveryCase(id="P51", name="from-lagging-standby", damage="the backup was taken from a standby that was behind",
                 harm=_no_signal, backup=from_lagging_standby, found_by=_STALE, names=_NAMES),
    fault("P52", "archive-never-stored", "archiving succeeded by its own account and stored nothing", _never_stored),
    fault("P53", "archive-elsewhere", "the restore looks for WAL in a folder that is not there", _wrong_folder),
    fault("P55", "signal-missing", "nobody asked for a recovery, so that the copy starts from its own WAL", _no_signal),
)  # fmt: skip
