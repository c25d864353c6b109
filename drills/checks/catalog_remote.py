"""The SQL for what of a database leads to other servers: subscriptions, and foreign servers with their user mappings.

What can hold a secret is shown to some readers alone. A part that the reader may not see is UNSEEN, so that it is told
from one that is not there.
"""

from __future__ import annotations

from drills.checks.catalog_queries import _own, _owner, _row, _sorted

UNSEEN = "(not visible)"

_SUBSCRIPTIONS = f"""{
    _row(
        "'subscription ' || quote_ident(s.subname)",
        owner=_owner("s.subowner"),
        enabled="case when s.subenabled then 'yes' else 'no' end",
        publications=_sorted("s.subpublications"),
        slot="s.subslotname",
    )
} from pg_subscription as s where s.subdbid =
    (select d.oid from pg_database as d where d.datname = current_database())"""

# The condition of the view's own definition (PostgreSQL manual, "pg_user_mappings"): who else reads it gets a null.
_MAPPING_SEEN = """((u.umuser <> 0 and u.usename = current_user
    and (pg_has_role(v.srvowner, 'usage') or has_server_privilege(v.oid, 'usage')))
    or (u.umuser = 0 and pg_has_role(v.srvowner, 'usage'))
    or (select r.rolsuper from pg_roles as r where r.rolname = current_user))"""

_FOREIGN = f"""{
    _row(
        "'foreign data wrapper ' || quote_ident(f.fdwname)",
        owner=_owner("f.fdwowner"),
        handler="nullif(f.fdwhandler, 0)::regproc::text",
        validator="nullif(f.fdwvalidator, 0)::regproc::text",
        secret_options="to_jsonb(f.fdwoptions)",
    )
} from pg_foreign_data_wrapper as f where {_own("pg_foreign_data_wrapper", "f.oid")}
    union all
    {
    _row(
        "'foreign server ' || quote_ident(s.srvname)",
        of="jsonb_build_array('foreign foreign data wrapper ' || quote_ident(f.fdwname))",
        owner=_owner("s.srvowner"),
        wrapper="quote_ident(f.fdwname)",
        type="s.srvtype",
        version="s.srvversion",
        secret_options="to_jsonb(s.srvoptions)",
    )
} from pg_foreign_server as s join pg_foreign_data_wrapper as f on f.oid = s.srvfdw
    where {_own("pg_foreign_server", "s.oid")}
    union all
    {
    _row(
        "'user mapping of ' || case u.umuser when 0 then 'PUBLIC' else quote_ident(u.usename) end || ' on server ' "
        "|| quote_ident(u.srvname)",
        of="jsonb_build_array('foreign foreign server ' || quote_ident(u.srvname))",
        options=f"case when not {_MAPPING_SEEN} then '{UNSEEN}' end",
        secret_options="to_jsonb(u.umoptions)",
    )
} from pg_user_mappings as u join pg_foreign_server as v on v.oid = u.srvid"""


def remote(version: int) -> dict[str, str]:
    """Section to query, for a server of this `server_version_num`."""
    return {"subscriptions": _SUBSCRIPTIONS, "foreign": _FOREIGN}
