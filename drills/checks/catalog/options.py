"""Which options of a column, a relation or a tablespace are a user's, and which a server keeps for itself.

A user can set what PostgreSQL documents; a server's own parser refuses any other name. What stands there all the same
was put there by the server, as the minors of November 2026 keep `pg_attver` for each column, and no dump carries it: it
is listed and not compared. An access method of an extension has options of its own, all of them a user's. Sources:
https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-STORAGE-PARAMETERS and the pages of ALTER
TABLE, CREATE INDEX, CREATE VIEW and CREATE TABLESPACE, for PostgreSQL 14 to 18.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from drills.model.finding import NotChecked

Entry = Mapping[str, Any]
_AUTOVACUUM = """autovacuum_enabled autovacuum_vacuum_threshold autovacuum_vacuum_max_threshold
autovacuum_vacuum_scale_factor autovacuum_vacuum_insert_threshold autovacuum_vacuum_insert_scale_factor
autovacuum_analyze_threshold autovacuum_analyze_scale_factor autovacuum_vacuum_cost_delay
autovacuum_vacuum_cost_limit autovacuum_freeze_min_age autovacuum_freeze_max_age autovacuum_freeze_table_age
autovacuum_multixact_freeze_min_age autovacuum_multixact_freeze_max_age autovacuum_multixact_freeze_table_age
log_autovacuum_min_duration vacuum_index_cleanup vacuum_truncate vacuum_max_eager_freeze_failure_rate"""
_TABLE = f"{_AUTOVACUUM} fillfactor toast_tuple_target parallel_workers user_catalog_table"
_VIEW = "check_option security_barrier security_invoker"
_INDEX = """fillfactor deduplicate_items buffering fastupdate gin_pending_list_limit pages_per_range autosummarize"""
_DOCUMENTED = {
    ("columns", "options"): frozenset({"n_distinct", "n_distinct_inherited"}),
    ("relations", "options"): frozenset(f"{_TABLE} {_VIEW}".split()),
    ("relations", "toast options"): frozenset(_AUTOVACUUM.split()),
    ("tablespaces", "options"): frozenset(
        {"seq_page_cost", "random_page_cost", "effective_io_concurrency", "maintenance_io_concurrency"}
    ),
    ("indexes", "definition"): frozenset(_INDEX.split()),
}
_SECTIONS = tuple(dict.fromkeys(section for section, _ in _DOCUMENTED))
# The list as the catalog's queries write it: a comma in a value is never followed by a blank and "name=".
_NEXT = re.compile(r", (?=[a-z_][a-z_0-9]*=)")
_WITH = re.compile(r" WITH \(((?:\w+='(?:[^']|'')*'(?:, )?)+)\)")
_INDEX_OPTION = re.compile(r"\w+='(?:[^']|'')*'")
_OF_CORE = re.compile(r" USING (?:btree|hash|gist|spgist|gin|brin) \(")
_ONE = {"columns": "column", "relations": "relation", "tablespaces": "tablespace", "indexes": "index"}


def only_documented(section: str, entry: Entry) -> dict[str, Any]:
    """Return an entry without the options that no user can have set; its other parts as they are. Pure."""
    kept = dict(entry)
    for part, known, options in _lists(section, entry):
        left = [option for option in options if _name(option) in known]
        if len(left) == len(options):
            continue
        if section == "indexes":
            kept[part] = _WITH.sub(
                f" WITH ({', '.join(left)})".replace("\\", r"\\") if left else "", entry[part], count=1
            )
        elif left:
            kept[part] = ", ".join(left)
        else:
            del kept[part]
    return kept


def not_compared(pairs: Iterable[tuple[str, Entry, Entry]]) -> tuple[NotChecked, ...]:
    """List the options that no user can have set and that differ, each once, from (section, before, after). Pure."""
    found: Counter[tuple[str, str]] = Counter()
    for section, before, after in pairs:
        if section in _SECTIONS:
            differing = _undocumented(section, before) ^ _undocumented(section, after)
            found.update({(section, _name(option)) for option in differing})
    return tuple(
        NotChecked(
            f"option {name} of {number:,} {section if number > 1 else _ONE[section]}",
            "PostgreSQL documents no such option: the server keeps it for itself, or a newer one knows it",
        )
        for (section, name), number in sorted(found.items())
    )


def _undocumented(section: str, entry: Entry) -> set[str]:
    return {option for _, known, options in _lists(section, entry) for option in options if _name(option) not in known}


def _lists(section: str, entry: Entry) -> Iterable[tuple[str, frozenset[str], list[str]]]:
    """Yield each part that holds options of PostgreSQL's own, the names that are documented for it, and the options."""
    for (place, part), known in _DOCUMENTED.items():
        text = entry.get(part)
        if place != section or not isinstance(text, str):
            continue
        if section == "indexes":
            if (found := _WITH.search(text)) and _OF_CORE.search(text):
                yield part, known, _INDEX_OPTION.findall(found[1])
        elif not (section == "relations" and part == "options" and entry.get("access method")):
            yield part, known, _NEXT.split(text)


def _name(option: str) -> str:
    return option.partition("=")[0]
