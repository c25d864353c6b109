"""The SQL for what differs from what PostgreSQL and extensions create, and for the rarest objects of a user's own.

Manifests have these sections since format 3. A dump carries them: rights as their difference to `pg_init_privs`, which
is what makes them comparable between versions too. Not included, since a dump loses it and no check could tell that
from a fault: comments on members of an extension, its owner, changes of built-in text search configurations, and rights
in `information_schema`. See drills/checks/catalog/queries.py.
"""

from __future__ import annotations

from drills.checks.catalog.grants import TARGET
from drills.checks.catalog.queries import (
    FIRST_USER_OID,
    IN_SCHEMA,
    USER_SCHEMA,
    not_of_extension,
    owner_name,
    select_row,
)

SINCE = 3  # the format of a manifest


def _brought(catalog: str, oid: str) -> str:
    """Return a condition that is true for what initdb or an extension created, which is tested first."""
    return f"({oid} < {FIRST_USER_OID} or {oid} in (select m.objid from members as m where m.classid = '{catalog}'::regclass))"


_WITH_RIGHTS = f"""
    select 'pg_class'::regclass, c.oid, 0, c.relnamespace, c.relowner, c.relacl,
        acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner), c.oid::regclass::text
    from pg_class as c where c.relacl is not null and {_brought("pg_class", "c.oid")}
    union all select 'pg_class'::regclass, c.oid, a.attnum, c.relnamespace, c.relowner, a.attacl,
        acldefault('c', c.relowner), case c.relnamespace when 'pg_catalog'::regnamespace then 'pg_catalog.' else '' end
        || c.oid::regclass::text || '.' || quote_ident(a.attname)
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    where a.attacl is not null and not a.attisdropped and {_brought("pg_class", "a.attrelid")}
    union all select 'pg_proc'::regclass, p.oid, 0, p.pronamespace, p.proowner, p.proacl, acldefault('f', p.proowner),
        p.oid::regprocedure::text from pg_proc as p where p.proacl is not null and {_brought("pg_proc", "p.oid")}
    union all select 'pg_type'::regclass, t.oid, 0, t.typnamespace, t.typowner, t.typacl, acldefault('T', t.typowner),
        t.oid::regtype::text from pg_type as t where t.typacl is not null and {_brought("pg_type", "t.oid")}
    union all select 'pg_namespace'::regclass, n.oid, 0, n.oid, n.nspowner, n.nspacl, acldefault('n', n.nspowner),
        'schema ' || quote_ident(n.nspname) from pg_namespace as n
    where n.nspacl is not null and {_brought("pg_namespace", "n.oid")}
    union all select 'pg_foreign_data_wrapper'::regclass, f.oid, 0, 0, f.fdwowner, f.fdwacl,
        acldefault('F', f.fdwowner), 'foreign data wrapper ' || quote_ident(f.fdwname)
    from pg_foreign_data_wrapper as f where f.fdwacl is not null and {_brought("pg_foreign_data_wrapper", "f.oid")}
    union all select 'pg_foreign_server'::regclass, s.oid, 0, 0, s.srvowner, s.srvacl, acldefault('S', s.srvowner),
        'foreign server ' || quote_ident(s.srvname) from pg_foreign_server as s
    where s.srvacl is not null and {_brought("pg_foreign_server", "s.oid")}"""


def _without(acl: str, other: str, *columns: str) -> str:
    """Return SQL for the rights in one list that another does not have, for all but the owner and dropped roles.

    An owner's rights are those that come with owning; a list from before another became the owner has them as granted by
    that one to itself.
    """
    listed = ", ".join(f"x.{column}" for column in ("grantee", "privilege_type", *columns))
    return f"""select {listed} from aclexplode({acl}) as x where x.grantee not in (t.owner, x.grantor)
        and x.grantee in (select 0 union all select r.oid from pg_roles as r)
        except select {listed} from aclexplode({other}) as x"""


# A service grants rights on PostgreSQL's and extensions' objects to roles of its own (Amazon RDS: rdsadmin, rds_superuser
# …): those are not the user's, and another server has others. Languages are in "grants" whoever made them.
_SYSTEM_GRANTS = f"""with members as materialized (select e.classid, e.objid, x.extname
        from pg_depend as e join pg_extension as x on x.oid = e.refobjid
        where e.deptype = 'e' and e.refclassid = 'pg_extension'::regclass)
    select g.name || ': ' || g.grantee || ': ' || g.privilege, jsonb_build_object('object', g.name,
        'of', jsonb_build_array(g.of), g.what, g.privilege || g.joined || g.grantee
        || case when bool_or(g.is_grantable) then ' with grant option' else '' end)::text
    from (select t.name, coalesce('extensions extension ' || quote_ident(m.extname), '') as of, d.what, d.joined,
        case d.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(d.grantee)) end as grantee,
        d.privilege_type as privilege, d.is_grantable
        from ({_WITH_RIGHTS}) as t (classoid, objoid, objsubid, namespace, owner, acl, usual, name)
        left join members as m on m.classid = t.classoid and m.objid = t.objoid
        left join pg_init_privs as i on i.classoid = t.classoid and i.objoid = t.objoid and i.objsubid = t.objsubid,
        lateral (select 'grant' as what, ' to ' as joined, n.*
            from ({_without("t.acl", "coalesce(i.initprivs, t.usual)", "is_grantable")}) as n
            union all select 'revoked', ' from ', n.*, false
            from ({_without("coalesce(i.initprivs, t.usual)", "t.acl")}) as n) as d
        where (m.objid is not null or t.namespace = 'pg_catalog'::regnamespace)
            and (d.grantee = 0 or pg_get_userbyid(d.grantee) !~ '^rds(admin$|_)')) as g
    group by g.name, g.of, g.what, g.joined, g.grantee, g.privilege"""

# What an extension's script makes depends on its version, and now and then on the server's: members are compared where
# both are the same. Since PostgreSQL 17 types that come with another (arrays, multiranges, rows of tables) are members
# too, but not of an extension that was made before an upgrade. Whether a language is trusted is its extension's doing.
_MEMBERS = """select 'extension ' || quote_ident(x.extname), jsonb_build_object(
        'of', jsonb_build_array('extensions extension ' || quote_ident(x.extname)),
        'version ' || x.extversion || ' in schema ' || quote_ident(n.nspname) || ' of PostgreSQL '
            || current_setting('server_version_num')::integer / 10000 || ' with',
        count(m.label) || ' members, digest ' || md5(coalesce(string_agg(m.label, ', ' order by m.label), '')))::text
    from pg_extension as x join pg_namespace as n on n.oid = x.extnamespace
    left join (select e.refobjid, i.type || ' ' || i.identity || coalesce((select ' trusted' from pg_language as l
            where e.classid = 'pg_language'::regclass and l.oid = e.objid and l.lanpltrusted), '') collate "C" as label
        from pg_depend as e left join pg_type as t on e.classid = 'pg_type'::regclass and t.oid = e.objid,
        lateral pg_identify_object(e.classid, e.objid, 0) as i
        where e.deptype = 'e' and e.refclassid = 'pg_extension'::regclass and (t.oid is null
            or t.typtype <> 'm' and not exists (select from pg_type as o where o.typarray = t.oid)
            and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c'))) as m
        on m.refobjid = x.oid
    group by x.extname, x.extversion, n.nspname"""

# ALTER … DEPENDS ON EXTENSION: what is dropped with an extension that it is no member of.
_DEPENDENT = f"""select d.name || ' on extension ' || quote_ident(d.extname), jsonb_build_object('object', d.name,
        'of', jsonb_build_array(d.target, 'extensions extension ' || quote_ident(d.extname)),
        'dropped with extension', quote_ident(d.extname))::text
    from (select i.type || ' ' || i.identity as name, x.extname, {TARGET} as target
        from (select e.classid as classoid, e.objid as objoid, e.objsubid, e.refobjid from pg_depend as e
            where e.deptype = 'x' and e.refclassid = 'pg_extension'::regclass) as d
        join pg_extension as x on x.oid = d.refobjid,
        lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i) as d"""

# The operators and functions of a family that has a class of its own are entries of that class (grants.py).
_FAMILIES = f"""{
    select_row(
        "'operator family ' || quote_ident(n.nspname) || '.' || quote_ident(f.opfname) || ' using ' || m.amname",
        of=f'''{IN_SCHEMA} || coalesce((select jsonb_agg('others operator class ' || quote_ident(k.nspname) || '.'
        || quote_ident(o.opcname) || ' using ' || m.amname) from pg_opclass as o join pg_namespace as k
        on k.oid = o.opcnamespace where o.opcfamily = f.oid), '[]')''',
        owner=owner_name("f.opfowner"),
        members=f'''case when not exists (select from pg_opclass as o where o.opcfamily = f.oid and o.oid >= {FIRST_USER_OID}
        and {not_of_extension("pg_opclass", "o.oid")}) then nullif(concat_ws('; ',
        (select string_agg(concat_ws(' ', 'operator', a.amopstrategy, a.amopopr::regoperator,
            case a.amoppurpose when 'o' then 'for order by' end), ', '
            order by a.amopstrategy, a.amopopr::regoperator::text) from pg_amop as a where a.amopfamily = f.oid),
        (select string_agg(concat_ws(' ', 'function', a.amprocnum, a.amproc::regprocedure), ', '
            order by a.amprocnum, a.amproc::regprocedure::text) from pg_amproc as a
            where a.amprocfamily = f.oid)), '') end''',
    )
} from pg_opfamily as f join pg_namespace as n on n.oid = f.opfnamespace join pg_am as m on m.oid = f.opfmethod
    where {USER_SCHEMA} and {not_of_extension("pg_opfamily", "f.oid")}"""

_SHELLS = f"""{
    select_row("t.oid::regtype::text", of=IN_SCHEMA, kind="'shell type'", owner=owner_name("t.typowner"))
} from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_type", "t.oid")} and not t.typisdefined"""

MEMBERS = "extension members"
SINCE_FORMAT_3 = {
    "system grants": _SYSTEM_GRANTS,
    MEMBERS: _MEMBERS,
    "extension dependents": _DEPENDENT,
    "operator families": _FAMILIES,
    "shell types": _SHELLS,
}
