"""What is known of tables after several drills: which run proved each last, and which ranges of keys were proved. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from drills.model.coverage import Known, Learned, Proof, ProvedKeys, Speed, TableKnown


def together(learned: Iterable[Learned]) -> Known:
    """Return what several drills have proved, the newest proof of each thing, whatever their order."""
    found: dict[str, dict[str, TableKnown]] = {}
    known = Known(found)
    for each in sorted(learned, key=lambda one: (one.at, one.run_id)):
        _add(found, each)
        known = _measured(known, found, each)
    return known


def after(known: Known, learned: Learned) -> Known:
    """Return what is known after one more drill."""
    found = {database: dict(tables) for database, tables in known.tables.items()}
    _add(found, learned)
    return _measured(known, found, learned)


def _measured(before: Known, tables: dict[str, dict[str, TableKnown]], learned: Learned) -> Known:
    rate, overhead = learned.measured.rate, learned.measured.overhead
    return Known(tables, rate or before.rate, before.overhead if overhead is None else overhead)


def _add(found: dict[str, dict[str, TableKnown]], learned: Learned) -> None:
    proof = Proof(learned.run_id, learned.at)
    for database, names in learned.differed.items():
        tables = found.setdefault(database, {})
        for name in names:  # whatever proved it earlier, it is the first to be looked at again
            tables[name] = dataclasses.replace(tables.get(name, TableKnown()), whole=None, keys=())
    for database, names in learned.whole.items():
        tables = found.setdefault(database, {})
        for name in names:
            before = tables.get(name, TableKnown())
            tables[name] = dataclasses.replace(before, whole=proof, keys=(), policy=learned.policy_of(database, name))
    for database, ranges in learned.by_key.items():
        tables = found.setdefault(database, {})
        for name, keys in ranges.items():
            before, policy = tables.get(name, TableKnown()), learned.policy_of(database, name)
            if before.policy != policy:
                before = dataclasses.replace(before, whole=None, keys=(), policy=policy)
            tables[name] = dataclasses.replace(before, keys=proved_keys(before.keys, keys, proof))
    for field, speeds in (("speed", learned.measured.whole), ("speed_by_key", learned.measured.by_key)):
        for database, named in speeds.items():
            tables = found.setdefault(database, {})
            for name, speed in named.items():
                tables[name] = _with_speed(tables.get(name, TableKnown()), field, speed)


def _with_speed(table: TableKnown, field: str, speed: Speed) -> TableKnown:
    if field == "speed":
        return dataclasses.replace(table, speed=speed)
    return dataclasses.replace(table, speed_by_key=speed)


def proved_keys(before: Sequence[ProvedKeys], now: Iterable[tuple[int, int]], proof: Proof) -> tuple[ProvedKeys, ...]:
    """Return the ranges of keys in their order, none over another, once those of `now` were proved again."""
    found = list(before)
    for low, high in now:
        kept = []
        for each in found:
            if each.low < low:
                kept.append(ProvedKeys(each.low, min(each.high, low), each.proof))
            if each.high > high:
                kept.append(ProvedKeys(max(each.low, high), each.high, each.proof))
        found = [*kept, ProvedKeys(low, high, proof)]
    joined: list[ProvedKeys] = []
    for each in sorted(found, key=lambda one: one.low):
        if joined and joined[-1].high == each.low and joined[-1].proof == each.proof:
            joined[-1] = ProvedKeys(joined[-1].low, each.high, each.proof)
        else:
            joined.append(each)
    return tuple(joined)


def proof_of(keys: Sequence[ProvedKeys], low: int, high: int) -> Proof | None:
    """Return the oldest proof of the keys from `low` up to and without `high`; None where one of them is in no range.

    Ranges move when a table grows: the parts of another manifest need not be those that were proved.
    """
    proofs, reached = [], low
    for each in keys:
        if each.low <= reached < each.high:
            proofs.append(each.proof)
            reached = each.high
        if reached >= high:
            return min(proofs, key=lambda one: one.at)
    return None
