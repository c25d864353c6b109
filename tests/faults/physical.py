"""Faults of a physical copy's files: lost, stale, torn and foreign pages, and files that are missing."""

from __future__ import annotations

from collections.abc import Callable

from drills.sandbox.postgres.cluster import Cluster
from tests.faults import busy
from tests.faults.files import (
    PAGE,
    Change,
    Files,
    copy_page,
    cut,
    digest,
    emptied,
    flip,
    flip_in_hole,
    swap_bytes,
    zero,
)
from tests.faults.lab import DATABASE
from tests.faults.model import RESTORE, FilesCase, Observation

_CONTENT = ("content", "integrity")
_INTEGRITY = ("integrity",)
Harm = Callable[[Files], Observation]


def pages(relation: str, change: Change, fork: str = "") -> Harm:
    """Change the bytes of a relation's file."""
    return lambda files: files.change(files.path(relation, fork), change)


def page_zeroed_with(relation: str, content: bytes) -> Harm:
    """Zero the page of a relation that holds these bytes."""
    return lambda files: files.change(files.path(relation), lambda old: zero(old.index(content) // PAGE)(old))


def gone(relation: str, fork: str = "") -> Harm:
    """Remove a relation's file."""
    return lambda files: files.remove(files.path(relation, fork))


def file(name: str, change: Change) -> Harm:
    """Change the bytes of a file of the data folder."""
    return lambda files: files.change(files.cluster.data / name, change)


def no_file(name: str) -> Harm:
    """Remove a file of the data folder."""
    return lambda files: files.remove(files.cluster.data / name)


def silently(relation: str, change: Change) -> Harm:
    """Change the bytes of a relation's file and make the page checksums right again."""

    def harm(files: Files) -> Observation:
        files.settle()
        path = files.path(relation)
        before = digest(path.read_bytes())
        files.change(path, change)
        files.make_checksums_right()
        return Observation(before, digest(path.read_bytes()))

    return harm


def stale(relation: str, statement: str) -> Harm:
    """Put a file in place as it was before the last writes: a twin of the copy, in which they are undone, lends it."""

    def harm(files: Files) -> Observation:
        files.settle()
        with files.lab.scratch() as twin:
            older = Files(files.lab, twin)
            older.run(lambda cluster: _execute(cluster, statement, f"vacuum {relation}"))
            content = older.path(relation).read_bytes()
        return files.change(files.path(relation), lambda newer: content)

    return harm


def _execute(cluster: Cluster, *statements: str) -> None:
    with cluster.connect(DATABASE) as admin:
        for statement in (*statements, "checkpoint"):
            admin.execute(statement.encode())


def _empty_wal(files: Files) -> Observation:
    segments = [path for path in (files.cluster.data / "pg_wal").iterdir() if path.is_file()]
    for segment in segments:
        segment.unlink()
    return Observation(f"{len(segments)} segments", "none")


def fault(
    number: str, name: str, damage: str, harm: Harm, names: str, found_by: tuple[str, ...] = _CONTENT,
    needs: tuple[str, ...] = (),
) -> FilesCase:  # fmt: skip
    """A fault of files; amcheck comes with contrib, and nothing else looks into an index."""
    return FilesCase(id=number, name=name, damage=damage, harm=harm, names=names, found_by=found_by, needs=needs)


_CUSTOMER, _ITEM, _DOCUMENT = r"lab\.customer", r"lab\.item", r"lab\.document"
HEAP_CASES = (
    fault("P01", "heap-bit-flip", "one byte of a table's page is another one", pages("lab.customer", flip(PAGE - 60)),
          _CUSTOMER),
    fault("P01b", "page-header-flip", "a page's header is damaged", pages("lab.customer", flip(3 * PAGE + 13)), _CUSTOMER),
    fault("P02", "silent-byte", "one byte of a value is another one, and the checksum of its page is right",
          silently("lab.customer", swap_bytes(b"nal 7", b"nal 9")), _CUSTOMER),
    fault("P02b", "silent-key", "one byte of an indexed value is another one, and the checksum of its page is right",
          silently("lab.customer", swap_bytes(b"c1234@", b"c1299@")), _CUSTOMER),
    fault("P03", "heap-page-zeroed", "a page of a table is empty, as after a write that was lost", pages("lab.customer",
          zero(5)),
          _CUSTOMER),
    fault("P03b", "last-page-zeroed", "the last page of a table is empty", pages("lab.item",
          lambda old: old[:-PAGE] + bytes(PAGE)),
          _ITEM),
    fault("P03c", "partition-page-zeroed", "a page of a partition is empty", pages("lab.orders_01", zero(1)),
          r"lab\.orders_01"),
    fault("P04", "heap-truncated", "a table's file has lost its last three pages", pages("lab.customer", cut(3)), _CUSTOMER),
    fault("P04b", "heap-torn", "a table's file ends within a page", pages("lab.customer", lambda old: old[:-3000]), _CUSTOMER),
    fault("P05", "heap-emptied", "a table's file is empty", pages("lab.customer", lambda old: b""), _CUSTOMER),
    fault("P06", "heap-missing", "a table's file is missing", gone("lab.customer"), _CUSTOMER),
    fault("P06b", "matview-file-missing", "a materialised view's file is missing", gone("lab.totals"), r"lab\.totals"),
    fault("P06c", "empty-table-file-missing", "the file of a table without rows is missing", gone("lab.empty_table"),
          r"lab\.empty_table"),
    fault("P11", "foreign-page", "a page of another table lies in a table",
          lambda files: files.change(files.path("lab.customer"), _first_page_of(files, "lab.item")), _CUSTOMER),
    fault("P11b", "page-twice", "one page lies in another one's place, and its checksum is right",
          silently("lab.customer", copy_page(2, 7)), _CUSTOMER),
    fault("P12", "stale-page", "a table's file is as it was before its last ten rows were written",
          stale("lab.item", "delete from lab.item where id > 3990"), _ITEM),
    fault("P12b", "stale-update", "a table's file is as it was before a row was last changed, at the same length",
          stale("lab.account", "alter table lab.account disable trigger all; update lab.account set balance = 1 where id = 7"),
          r"lab\.account"),
)  # fmt: skip


def _first_page_of(files: Files, relation: str) -> Change:
    page = files.path(relation).read_bytes()[:PAGE]
    return lambda content: page + content[PAGE:]


INDEX_CASES = (
    fault("P07", "index-page-zeroed", "a page of an index is empty", pages("lab.customer_email_key", zero(3)),
          "customer_email_key", _INTEGRITY),
    fault("P07b", "primary-key-page-zeroed", "a page of a primary key is empty", pages("lab.item_pkey", zero(4)), "item_pkey",
          _INTEGRITY),
    fault("P07c", "index-bit-flip", "one byte of an index is another one", pages("lab.customer_country", flip(2 * PAGE - 20)),
          "customer_country", _INTEGRITY),
    fault("P07d", "index-entries-lost", "an index lacks entries, and its checksums are right",
          silently("lab.customer_email_key", copy_page(2, 3)), "customer_email_key", _INTEGRITY),
    fault("P08", "index-metapage-zeroed", "the first page of an index is empty", pages("lab.customer_keyed", zero(0)),
          "customer_keyed", _INTEGRITY),
    fault("P09", "index-truncated", "an index has lost its last pages", pages("lab.customer_email_key", cut(4)),
          "customer_email_key", _INTEGRITY),
    fault("P09b", "index-file-missing", "an index's file is missing", gone("lab.customer_country"), "customer_country", _INTEGRITY),
    fault("P09c", "index-emptied", "an index's file is empty", pages("lab.item_quantity", lambda old: b""), "item_quantity",
          _INTEGRITY),
    fault("P13", "gin-missing", "a GIN index's file is missing", gone("lab.customer_prefs"), "customer_prefs", _INTEGRITY),
    fault("P13b", "gist-bit-flip", "one byte of a GiST index is another one", pages("lab.place_at", flip(PAGE - 40)),
          "place_at",
          _INTEGRITY),
    fault("P13c", "hash-page-zeroed", "a page of a hash index is empty", pages("lab.customer_note", zero(2)), "customer_note",
          _INTEGRITY),
    fault("P13d", "brin-emptied", "a BRIN index's file is empty", pages("lab.item_range", lambda old: b""), "item_range",
          _INTEGRITY),
    fault("P13e", "gist-zeroed", "a page of the index behind an exclusion constraint is empty",
          pages("lab.place_during_excl", zero(0)), "place_during_excl", _INTEGRITY),
    fault("P13f", "gist-entries-lost", "a GiST index lacks entries, and its checksums are right",
          silently("lab.place_at", emptied(1)), "place_at", _INTEGRITY),
    fault("P13g", "exclusion-entries-lost", "the index behind an exclusion constraint lacks entries, and its checksums are right",
          silently("lab.place_during_excl", emptied(0)), "place_during_excl", _INTEGRITY),
    fault("P13h", "hash-entries-lost", "a hash index lacks entries, and its checksums are right",
          silently("lab.customer_note", emptied(2)), "customer_note", _INTEGRITY),
    fault("P13i", "gin-entries-lost", "a GIN index lacks entries, and its checksums are right",
          silently("lab.customer_prefs", emptied(4)), "customer_prefs", _INTEGRITY),
    fault("P13j", "spgist-page-zeroed", "a page of an SP-GiST index is empty", pages("lab.item_label", zero(3)), "item_label",
          _INTEGRITY),
)  # fmt: skip

OTHER_CASES = (
    fault("P10", "toast-page-zeroed", "a page of long values is empty", pages("toast of lab.document", zero(2)), _DOCUMENT),
    fault("P10b", "toast-missing", "the file of long values is missing", gone("toast of lab.document"), _DOCUMENT),
    fault("P10c", "toast-silent", "one byte of a long value is another one, and the checksum of its page is right",
          silently("toast of lab.document", flip(2 * PAGE - 900)), _DOCUMENT),
    fault("P14", "init-fork-missing", "an unlogged table lacks what it is made of after a restore", gone("lab.cache", "_init"),
          r"lab\.cache"),
    fault("P15", "sequence-page-zeroed", "a sequence's page is empty", pages("lab.ticket_seq", zero(0)), r"lab\.ticket_seq",
          ("sequences",)),
    fault("P15b", "sequence-file-missing", "a sequence's file is missing", gone("lab.item_id_seq"), r"lab\.item_id_seq",
          ("sequences",)),
    fault("P15c", "large-object-page-zeroed", "a page of large objects is empty", pages("pg_largeobject", zero(1)),
          "large object", ("large objects",)),
    fault("P16", "commit-log-zeroed", "which transactions have committed is lost", file("pg_xact/0000",
          lambda old: bytes(len(old))),
          ".", ("catalog", "content", "connection", "canary", RESTORE)),
    fault("P16b", "commit-log-missing", "the file of which transactions have committed is missing", no_file("pg_xact/0000"),
          ".", ("catalog", "content", "connection", "canary", RESTORE)),
    fault("P17", "label-missing", "the label of a backup is missing that was made while the server was written to",
          busy.without_label, _ITEM),
    fault("P50", "chain-broken", "of a full backup and two increments the middle one is lost", busy.broken_chain,
          "expected|starts at", (RESTORE,), ("PostgreSQL 17",)),
    fault("P18", "wal-empty", "the backup has no WAL", _empty_wal, "checkpoint", (RESTORE,)),
    fault("P19", "control-file-missing", "the control file is missing", no_file("global/pg_control"), "control|database system",
          (RESTORE,)),
    fault("P19b", "control-file-flip", "one byte of the control file is another one", file("global/pg_control", flip(40)),
          "control|checksum", (RESTORE,)),
    fault("P20", "relation-map-missing", "the map of shared relations is missing", no_file("global/pg_filenode.map"),
          "pg_filenode|relation mapping|database|signal|abort", ("connection", RESTORE)),
    fault("P20b", "database-map-missing", "the map of a database's relations is missing",
          lambda files: files.remove(files.database_folder() / "pg_filenode.map"), f"database {DATABASE}", ("connection",)),
    fault("P20c", "database-version-missing", "a database's folder does not say its version",
          lambda files: files.remove(files.database_folder() / "PG_VERSION"), f"database {DATABASE}", ("connection",)),
    fault("P30", "database-folder-missing", "a database's folder is missing",
          lambda files: files.remove(files.database_folder()), f"database {DATABASE}", ("connection",)),
    fault("P30b", "functions-page-zeroed", "a page of the catalogue of functions is empty", page_zeroed_with("pg_proc", b"log_ddl"),
          r"lab\.|app\.|store", ("catalog", "connection")),
    fault("P30g", "built-in-functions-lost", "a page of the catalogue that holds built-in functions is empty",
          pages("pg_proc", zero(40)), "pg_proc|pg_catalog", ("catalog", "integrity")),
    fault("P30c", "catalog-flip", "one byte of the catalogue of columns is another one", pages("pg_attribute",
          flip(10 * PAGE - 30)),
          r"database store|pg_attribute|base/", ("catalog", "connection")),
    fault("P30d", "catalog-index-zeroed", "a page of an index of the catalogue is empty",
          pages("pg_class_relname_nsp_index", zero(1)),
          ".", ("catalog", "connection", "content", "integrity")),
    fault("P30e", "roles-zeroed", "the catalogue of roles is empty", pages("pg_authid", zero(0)),
          "role|authentication|database",
          ("connection", RESTORE)),
    fault("P30f", "comments-page-zeroed", "a page of the comments is empty",
          page_zeroed_with("pg_description", b"Who buys"), "comment|lab|app|readers", ("catalog",)),
)  # fmt: skip


def _no_maps(files: Files) -> Observation:
    removed = [path for fork in ("_fsm", "_vm") for path in files.cluster.data.glob(f"base/*/*{fork}")]
    for path in removed:
        path.unlink()
    return Observation(f"{len(removed)} maps", "none")


HARMLESS = (
    FilesCase(id="N00", name="physical-copy", damage="nothing: the base backup was restored", harmless=True,
              harm=lambda files: Observation("", ""), listed=r"lab\.cache"),
    FilesCase(id="N14", name="maps-missing", damage="free space and visibility maps are missing", harmless=True, harm=_no_maps),
    FilesCase(id="N15", name="free-space-flip", damage="one byte that holds nothing is another one, and the checksum is right",
              harmless=True, harm=silently("lab.place", flip_in_hole)),
    FilesCase(id="N17", name="backup-of-busy-server", damage="the backup was made while the server was written to", harmless=True,
              harm=busy.with_label),
    FilesCase(id="N16", name="label-of-idle-backup-missing",
              damage="the label of a backup is missing; nothing was written while it "
              "was made, so that the copy is equal", harmless=True, harm=no_file("backup_label")),
)  # fmt: skip
CASES = (*HARMLESS, *HEAP_CASES, *INDEX_CASES, *OTHER_CASES)
