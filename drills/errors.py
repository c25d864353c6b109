"""The errors that end a drill: a sentence for the person who must act, and an exit code for the caller.

Exit codes (docs/reference/exit-codes.md): 0 all promises held, 10 an objective was missed, 11 verification failed, 12 the
drill could not run or could not verify, 13 something made by the drill is still there, 14 evidence was not sealed,
2 wrong usage or configuration. A *missed objective* or a *difference* is a verdict in the run record and no exception;
an exception means that the drill could not go on.
"""

from __future__ import annotations

OBJECTIVE_MISSED = 10
VERIFICATION_FAILED = 11
COULD_NOT_RUN = 12
LEFT_BEHIND = 13
NOT_SEALED = 14
USAGE = 2

# What each says of a run, in full: docs/reference/exit-codes.md is made of it.
MEANINGS = {
    0: "all promises held",
    OBJECTIVE_MISSED: "an objective was missed; having no usable recovery point is that too",
    VERIFICATION_FAILED: "verification failed: the schema or the data differ",
    COULD_NOT_RUN: "the drill could not run or could not verify; nothing was run, nothing was recovered or no row was compared is "
    "this as well, and so is a fault of ours",
    LEFT_BEHIND: "something that the drill made is still there; `drills sweep` shows it, and removes it when its time is over",
    NOT_SEALED: "the drill held, and its evidence was not sealed",
    USAGE: "wrong usage or configuration, or a guard refused",
}


class DrillError(Exception):
    """Root of the project's errors: one sentence with what was expected, what was found and what to do next."""

    exit_code = COULD_NOT_RUN


class ConfigError(DrillError):
    """The configuration or the command line is wrong; names file, key and what is allowed."""

    exit_code = USAGE


class Refused(ConfigError):
    """A guard holds: this run must not touch this account, region, instance or group."""


class NoRecoveryPoint(DrillError, AssertionError):
    """No usable recovery point: an objective missed, never a skipped drill.

    It is an AssertionError too, so that a scenario that raises it has failed and is not merely broken.
    """

    exit_code = OBJECTIVE_MISSED


class RestoreFailed(DrillError):
    """AWS refused the restore, or the scratch instance ended in a state from which it never becomes available."""


class StillRestoring(RestoreFailed):
    """The instance is not available within its time, and may still become so: RDS goes on."""


class SandboxError(DrillError):
    """The local AWS or its PostgreSQL could not be started, filled or used."""


class SeedError(SandboxError):
    """The user's own data could not be loaded into the sandbox."""

    exit_code = USAGE


class NotSealed(DrillError):
    """The evidence could not be written, signed, stamped or stored."""

    exit_code = NOT_SEALED


class CheckUnavailable(DrillError):
    """A check could not be carried out; its verdict is "not verified", never a pass."""
