"""Faults of rows, sequences and constraints: what a lossy dump, a wrong restore or a careless hand leaves behind."""

from __future__ import annotations

from tests.faults.model import SqlCase

CONTENT, CATALOG, SEQUENCES = ("content",), ("catalog",), ("sequences",)


def rows(table: str) -> str:
    """A query that answers differently when any row of a table does."""
    return f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} t"


def lost(number: str, name: str, damage: str, statement: str, table: str) -> SqlCase:
    """A fault of one table's rows, which the content check is expected to find."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(statement,), probe=rows(table), found_by=CONTENT, names=table
    )


def position(number: str, name: str, damage: str, statement: str, sequence: str) -> SqlCase:
    """A fault of one sequence's position."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(statement,), probe=f"select * from {sequence}",
        found_by=SEQUENCES, names=sequence,
    )  # fmt: skip


def update(what: str, where: str, table: str = "lab.customer") -> str:
    """An update of one column in the rows of a condition."""
    return f"update {table} set {what} where {where}"


def constraint(number: str, name: str, damage: str, change: str, table: str, conname: str) -> SqlCase:
    """A fault of one constraint."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(f"alter table {table} {change}",),
        probe="select conname, convalidated, pg_get_constraintdef(oid) from pg_constraint "
        f"where conrelid = '{table}'::regclass order by 1",
        found_by=CATALOG, names=conname,
    )  # fmt: skip


SEQUENCE_CASES = (
    position("L01", "sequence-reset", "a sequence starts again at 1", "select setval('lab.item_id_seq', 1, false)",
             "lab.item_id_seq"),
    position("L02", "sequence-behind", "a sequence is ten numbers behind its column",
             "select setval('lab.customer_id_seq', 1990, true)", "lab.customer_id_seq"),
    position("L02b", "sequence-of-nobody", "a sequence that no column owns is set back",
             "select setval('lab.ticket_seq', 100, false)", "lab.ticket_seq"),
    position("L02c", "sequence-not-called", "a sequence will hand out its last number once more",
             "select setval('lab.ticket_seq', 4230, false)", "lab.ticket_seq"),
    position("L02d", "sequence-ahead", "a sequence has jumped ahead, as after a crash of the wrong copy",
             "select setval('lab.ticket_seq', 9999990, true)", "lab.ticket_seq"),
)  # fmt: skip

ROW_CASES = (
    lost("L03", "row-lost", "one of 2,000 rows is gone",
         "delete from lab.customer where ctid = (select min(ctid) from lab.customer)", "lab.customer"),
    lost("L03b", "row-lost-in-partition", "one row of one partition is gone",
         "delete from lab.orders_02 where ctid = (select min(ctid) from lab.orders_02)", "lab.orders_02"),
    lost("L03c", "row-twice", "one row is there twice", "insert into lab.pair select n from lab.pair limit 1", "lab.pair"),
    lost("L03d", "two-duplicates-swapped", "of pairs of equal rows one pair is gone and another is there three times",
         "update lab.pair set n = 2 where n = 1", "lab.pair"),
    lost("L04", "character-changed", "one character of one value is another one",
         update("note = 'nota 6'", "note = 'note 6'"), "lab.customer"),
    lost("L04b", "byte-changed", "one byte of one bytea value is another one",
         update("photo = set_byte(photo, 3, (get_byte(photo, 3) + 1) % 256)", "id = 7"), "lab.customer"),
    lost("L04c", "values-swapped", "two rows have each other's value, so that every sum is right",
         update("credit = 18.75 - credit", "id in (7, 8)"), "lab.customer"),
    lost("L06", "table-emptied", "a table is empty", "truncate lab.document", "lab.document"),
    lost("L06b", "matview-emptied", "a materialised view holds no rows although it is populated",
         "refresh materialized view lab.totals with no data; "
         "update pg_class set relispopulated = true where oid = 'lab.totals'::regclass", "lab.totals"),
    lost("L06c", "matview-stale", "a materialised view holds what an older state would give",
         "do $$ begin update lab.orders set total = total + 1 where id = 5; refresh materialized view lab.totals; "
         "update lab.orders set total = total - 1 where id = 5; end $$", "lab.totals"),
    lost("L46", "hour-shifted", "every instant is an hour late, as after a mix-up of time zones",
         update("seen = seen + interval '1 hour'", "true"), "lab.customer"),
    lost("L46b", "local-time-shifted", "every local time is an hour late",
         update("local_time = local_time + interval '1 hour'", "true"), "lab.customer"),
    lost("L48", "float-rounded", "floats lost their last digits, as in a dump with extra_float_digits = 0",
         update("ratio = round(ratio::numeric, 10)::float8", "true"), "lab.customer"),
    lost("L48b", "scale-lost", "1.10 has become 1.1, which is equal and not the same",
         update("weight = trim_scale(weight)", "id = 5"), "lab.customer"),
    lost("L48c", "interval-justified", "30 days have become 1 month, which is equal and not the same",
         update("span = interval '1 month'", "id = 30"), "lab.customer"),
    lost("L48d", "minus-zero", "0 has become -0, which is equal and not the same",
         update("ratio = '-0'", "id = 1999"), "lab.customer"),
    lost("L50", "jsonb-emptied", "one JSON value is empty", update("prefs = '{}'", "id = 9"), "lab.customer"),
    lost("L50b", "null-for-empty", "an empty text has become NULL", update("note = null", "note = '' and id < 50"),
         "lab.customer"),
    lost("L50c", "empty-array-for-null", "a NULL has become an empty array", update("tags = '{}'", "id = 9"),
         "lab.customer"),
    lost("L50d", "json-null-dropped", "a key with a JSON null is gone", update("prefs = prefs - 'left'", "id = 12"),
         "lab.customer"),
    lost("L51", "encoding-mangled", "letters beyond ASCII were read in a wrong encoding",
         update("name = convert_from(convert_to(name, 'UTF8'), 'LATIN1')", "id = 3"), "lab.customer"),
    lost("L51b", "letters-dropped", "letters beyond ASCII have become question marks",
         update("name = replace(name, 'ë', '?')", "id = 3"), "lab.customer"),
    lost("L51c", "normalised", "an umlaut is written with two code points instead of one",
         update("name = normalize(name, NFD)", "id = 3"), "lab.customer"),
    lost("L51d", "line-ends", "a blank was added at the end of a text", update("note = note || ' '", "id = 5"),
         "lab.customer"),
    lost("L51e", "truncated-text", "a long value was cut", update("body = left(body, 8192)", "id = 4", "lab.document"),
         "lab.document"),
    lost("L51f", "key-shifted", "a key is another one, and what refers to it still says the old one",
         update("id = 777777", "id = 30", "lab.document"), "lab.document"),
    lost("L51g", "geometry-moved", "a point lies elsewhere", update("at = point(1, 1)", "id = 9", "lab.place"), "lab.place"),
    lost("L51h", "enum-value-changed", "an order is in another state", update("state = 'new'", "id = 80", "lab.orders_rest"),
         "lab.orders_rest"),
    SqlCase(
        id="L52b", name="rows-in-wrong-partition",
        damage="rows of a partition have another date and lie in another one, so that the count of the whole is right",
        statements=("with moved as (delete from lab.orders_02 where id < 100 returning *) insert into lab.orders_01 "
                    "select id, placed - 31, customer_id, state, total, updated from moved",),
        probe=rows("lab.orders_02"), found_by=CONTENT, names=r"lab\.orders_02",
    ),
)  # fmt: skip

# The catalogue is changed by hand here, since PostgreSQL refuses what these stand for: data that break a rule which is
# marked as proved, as replication, a restore that disabled triggers, or a bug can leave it.
BROKEN_RULE_CASES = (
    SqlCase(
        id="L15", name="foreign-key-broken", damage="a row that others refer to is gone, the key is marked as valid",
        statements=("delete from lab.customer where id = 8",), probe=rows("lab.customer"),
        found_by=("content", "integrity"), names=r"lab\.customer|item_customer|orders_customer_id_fkey",
    ),
    SqlCase(
        id="L16", name="check-broken", damage="a row breaks a check that is marked as valid",
        statements=(
            "alter table lab.item drop constraint quantity_is_positive", update("quantity = -1", "id = 3", "lab.item"),
            "alter table lab.item add constraint quantity_is_positive check (quantity > 0) not valid",
            "update pg_constraint set convalidated = true where conname = 'quantity_is_positive'",
        ),
        probe="select count(*) from lab.item where quantity <= 0", found_by=("content", "integrity"),
        names=r"lab\.item|quantity_is_positive",
    ),
    SqlCase(
        id="L17", name="not-null-broken", damage="a column that may not be NULL holds one",
        statements=(
            "alter table lab.item alter quantity drop not null", update("quantity = null", "id = 3", "lab.item"),
            "update pg_attribute set attnotnull = true where attrelid = 'lab.item'::regclass and attname = 'quantity'",
        ),
        probe="select count(*) - count(quantity + 0) from lab.item", found_by=("content", "integrity"),
        names=r"lab\.item",
    ),
    SqlCase(
        id="L18", name="unique-broken", damage="a unique key has the same value twice",
        statements=(
            "update pg_index set indisready = false, indisvalid = false where indexrelid = 'lab.customer_email_key'::regclass",
            update("email = 'c1@example.com'", "id = 2"),
            "update pg_index set indisready = true, indisvalid = true where indexrelid = 'lab.customer_email_key'::regclass",
        ),
        probe="select email || '' from lab.customer group by 1 having count(*) > 1", found_by=("content", "integrity"),
        names=r"lab\.customer",
    ),
    SqlCase(
        id="L18b", name="row-outside-partition", damage="a row lies in a partition whose bounds it is outside of",
        statements=(
            "alter table lab.orders detach partition lab.orders_01",
            update("placed = date '2027-05-05'", "id = 90", "lab.orders_01"),
            "alter table lab.orders_01 add constraint bounds check (placed >= date '2026-01-01' and placed < date "
            "'2026-02-01' and placed is not null) not valid",
            "update pg_constraint set convalidated = true where conname = 'bounds'",
            "alter table lab.orders attach partition lab.orders_01 for values from ('2026-01-01') to ('2026-02-01')",
            "alter table lab.orders_01 drop constraint bounds",
        ),
        probe="select count(*) from lab.orders_01 where placed > '2026-02-01'", found_by=("content", "integrity"),
        names=r"lab\.orders_01",
    ),
    SqlCase(
        id="L18c", name="domain-broken", damage="a value breaks its domain's rule",
        statements=(
            "alter domain lab.share drop constraint share_is_a_share", update("share = 5", "id = 3"),
            "alter domain lab.share add constraint share_is_a_share check (value between 0 and 1) not valid",
            "update pg_constraint set convalidated = true where conname = 'share_is_a_share'",
        ),
        probe="select count(*) from lab.customer where share > 1", found_by=("content", "integrity"),
        names=r"lab\.customer|share",
    ),
)  # fmt: skip

CONSTRAINT_CASES = (
    constraint("L12", "primary-key-missing", "a primary key is gone", "drop constraint document_pkey", "lab.document",
               "document_pkey"),
    constraint("L12b", "unique-missing", "a unique constraint is gone", "drop constraint one_label", "lab.item", "one_label"),
    constraint("L12c", "exclusion-missing", "an exclusion constraint is gone", "drop constraint place_during_excl",
               "lab.place", "place_during_excl"),
    constraint("L13", "foreign-key-missing", "a foreign key is gone", "drop constraint item_customer", "lab.item",
               "item_customer"),
    constraint("L13b", "check-missing", "a check is gone", "drop constraint credit_is_not_negative", "lab.customer",
               "credit_is_not_negative"),
    constraint("L13c", "check-weakened", "a check allows more than it did", "drop constraint credit_is_not_negative, "
               "add constraint credit_is_not_negative check (credit >= -100)", "lab.customer", "credit_is_not_negative"),
    constraint("L13d", "foreign-key-action", "a foreign key deletes where it refused",
               "drop constraint item_customer, add constraint item_customer foreign key (customer_id) "
               "references lab.customer on delete cascade", "lab.item", "item_customer"),
    SqlCase(
        id="L14", name="not-valid", damage="a foreign key is there again and was never proved",
        statements=(
            "alter table lab.item drop constraint item_customer",
            "alter table lab.item add constraint item_customer foreign key (customer_id) references lab.customer not valid",
        ),
        probe="select convalidated from pg_constraint where conname = 'item_customer'", found_by=CATALOG,
        names="item_customer",
    ),
    SqlCase(
        id="L14b", name="deferrable", damage="a unique key is checked at the end of a transaction only",
        statements=(
            "alter table lab.item drop constraint one_label",
            "alter table lab.item add constraint one_label unique (customer_id, label) deferrable initially deferred",
        ),
        probe="select condeferrable, condeferred from pg_constraint where conname = 'one_label'", found_by=CATALOG,
        names="one_label",
    ),
)  # fmt: skip

CASES = (*SEQUENCE_CASES, *ROW_CASES, *BROKEN_RULE_CASES, *CONSTRAINT_CASES)
