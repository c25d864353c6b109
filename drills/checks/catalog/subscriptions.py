"""The SQL for what leads from a database to other servers: subscriptions, and foreign servers with their user mappings.

What can hold a secret is visible to some readers alone. A part that the reader may not see is NOT_VISIBLE, so that it
differs from an absent one.
"""

from __future__ import annotations

from drills.checks.catalog.queries import not_of_extension, owner_name, select_row, sorted_list

NOT_VISIBLE = "(not visible)"
# Naming a column that one may not read fails the whole query. A superuser and pg_read_all_data may read this one.
MAY_READ_CONNECTIONS = "select pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'select')"


def _subscriptions(version: int, *, connections: bool) -> str:
    """Return the query for subscriptions. Each part is "yes" or "no": one that is absent is unknown to this version of
    the server.

    Whether two-phase commit is pending or on depends on the publisher and is not read: a restored one is pending.
    """
    known = {"binary": "s.subbinary"}
    if version >= 150000:
        known |= {"two_phase": "s.subtwophasestate <> 'd'", "disable_on_error": "s.subdisableonerr"}
    if version >= 160000:
        known |= {"password_required": "s.subpasswordrequired", "run_as_owner": "s.subrunasowner"}
    if version >= 170000:
        known |= {"failover": "s.subfailover"}
    parts = {part: f"case when {value} then 'yes' else 'no' end" for part, value in known.items()}
    parts["stream"] = "case s.substream::text when 'true' then 't' when 'false' then 'f' else s.substream::text end"
    if version >= 160000:
        parts["origin"] = "s.suborigin"
    if connections:
        parts["secret_connection"] = "jsonb_build_array('string=' || s.subconninfo)"
    else:
        parts["connection"] = f"'{NOT_VISIBLE}'"
    row = select_row(
        "'subscription ' || quote_ident(s.subname)",
        owner=owner_name("s.subowner"),
        enabled="case when s.subenabled then 'yes' else 'no' end",
        publications=sorted_list("s.subpublications"),
        slot="s.subslotname",
        synchronous_commit="s.subsynccommit",
        **parts,
    )
    return f"""{row} from pg_subscription as s where s.subdbid =
    (select d.oid from pg_database as d where d.datname = current_database())"""


# The condition of the view's own definition (PostgreSQL manual, "pg_user_mappings"): who else reads it gets a null.
_MAPPING_SEEN = """((u.umuser <> 0 and u.usename = current_user
    and (pg_has_role(v.srvowner, 'usage') or has_server_privilege(v.oid, 'usage')))
    or (u.umuser = 0 and pg_has_role(v.srvowner, 'usage'))
    or (select r.rolsuper from pg_roles as r where r.rolname = current_user))"""

_FOREIGN = f"""{
    select_row(
        "'foreign data wrapper ' || quote_ident(f.fdwname)",
        owner=owner_name("f.fdwowner"),
        handler="nullif(f.fdwhandler, 0)::regproc::text",
        validator="nullif(f.fdwvalidator, 0)::regproc::text",
        secret_options="to_jsonb(f.fdwoptions)",
    )
} from pg_foreign_data_wrapper as f where {not_of_extension("pg_foreign_data_wrapper", "f.oid")}
    union all
    {
    select_row(
        "'foreign server ' || quote_ident(s.srvname)",
        of="jsonb_build_array('foreign foreign data wrapper ' || quote_ident(f.fdwname))",
        owner=owner_name("s.srvowner"),
        wrapper="quote_ident(f.fdwname)",
        type="s.srvtype",
        version="s.srvversion",
        secret_options="to_jsonb(s.srvoptions)",
    )
} from pg_foreign_server as s join pg_foreign_data_wrapper as f on f.oid = s.srvfdw
    where {not_of_extension("pg_foreign_server", "s.oid")}
    union all
    {
    select_row(
        "'user mapping of ' || case u.umuser when 0 then 'PUBLIC' else quote_ident(u.usename) end || ' on server ' "
        "|| quote_ident(u.srvname)",
        of="jsonb_build_array('foreign foreign server ' || quote_ident(u.srvname))",
        options=f"case when not {_MAPPING_SEEN} then '{NOT_VISIBLE}' end",
        secret_options="to_jsonb(u.umoptions)",
    )
} from pg_user_mappings as u join pg_foreign_server as v on v.oid = u.srvid"""


def remote_queries(version: int, *, connections: bool) -> dict[str, str]:
    """Return section and query, for a server of this `server_version_num`; whether `connections` of subscriptions may
    be read.
    """
    return {"subscriptions": _subscriptions(version, connections=connections), "foreign": _FOREIGN}
