"""The SQL for what belongs to the whole server: roles, settings, databases, tablespaces. See
drills/checks/catalog/queries.py.
"""

from __future__ import annotations

from drills.checks.catalog.grants import grants
from drills.checks.catalog.queries import owner_name, select_row, sorted_list

ALL_ROLES = "all roles"  # whose settings ALTER ROLE ALL changes
_NAMED = "d.datname not in ('rdsadmin', 'template0', 'template1')"

# pg_roles shows no password to anybody.
_ROLES = f"""{
    select_row(
        "'role ' || quote_ident(r.rolname)",
        superuser="case when r.rolsuper then 'yes' end",
        no_inherit="case when not r.rolinherit then 'yes' end",
        createrole="case when r.rolcreaterole then 'yes' end",
        createdb="case when r.rolcreatedb then 'yes' end",
        login="case when r.rolcanlogin then 'yes' end",
        replication="case when r.rolreplication then 'yes' end",
        bypassrls="case when r.rolbypassrls then 'yes' end",
        connection_limit="case when r.rolconnlimit <> -1 then r.rolconnlimit::text end",
        valid_until="r.rolvaliduntil::text",
    )
} from pg_roles as r where r.rolname !~ '^pg_'"""

_MEMBER, _GROUP = "quote_ident(pg_get_userbyid(m.member))", "quote_ident(pg_get_userbyid(m.roleid))"


def _memberships(version: int) -> str:
    options = {"admin": "case when bool_or(m.admin_option) then 'yes' end"}
    if version >= 160000:  # since then each membership says whether it is inherited and can be switched to
        options["not_inherited"] = "case when not bool_or(m.inherit_option) then 'yes' end"
        options["no_set_role"] = "case when not bool_or(m.set_option) then 'yes' end"
    row = select_row(
        f"'role ' || {_MEMBER} || ' in ' || {_GROUP}",
        object=f"'role ' || {_MEMBER}",
        of=f"jsonb_build_array('roles role ' || {_MEMBER})",
        member_of=_GROUP,
        **options,
    )
    return f"{row} from pg_auth_members as m where pg_get_userbyid(m.member) !~ '^pg_' group by m.member, m.roleid"


# A setting of an application's own (its name has a dot) may hold a secret.
_WHOSE = """concat_ws(' in ', 'role ' || nullif(quote_ident(pg_get_userbyid(nullif(s.setrole, 0))), ''),
    'database ' || quote_ident(d.datname))"""
_SETTINGS = f"""{
    select_row(
        f"{_WHOSE} || ': ' || split_part(o, '=', 1)",
        object=f"coalesce(nullif({_WHOSE}, ''), '{ALL_ROLES}')",
        of=f"case when s.setrole <> 0 then jsonb_build_array('roles role ' || {owner_name('s.setrole')}) "
        "when d.datname is not null then jsonb_build_array('databases database ' || quote_ident(d.datname)) "
        "else '[]' end",
        setting="case when split_part(o, '=', 1) not like '%.%' then o end",
        secret_setting="case when split_part(o, '=', 1) like '%.%' then jsonb_build_array(o) end",
    )
} from pg_db_role_setting as s left join pg_database as d on d.oid = s.setdatabase, unnest(s.setconfig) as o
    where d.datname is null or {_NAMED}"""

_DATABASES = f"""{
    select_row(
        "'database ' || quote_ident(d.datname)",
        owner=owner_name("d.datdba"),
        encoding="pg_encoding_to_char(d.encoding)",
        collate="d.datcollate",
        ctype="d.datctype",
        provider="to_jsonb(d) ->> 'datlocprovider'",
        locale="coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')",
        icu_rules="coalesce(to_jsonb(d) ->> 'daticurules', 'none')",
        template="case when d.datistemplate then 'yes' end",
        connections="case when not d.datallowconn then 'refused' end",
        connection_limit="case when d.datconnlimit <> -1 then d.datconnlimit::text end",
        tablespace="(select quote_ident(t.spcname) from pg_tablespace as t where t.oid = d.dattablespace)",
    )
} from pg_database as d where {_NAMED}"""

_TABLESPACES = f"""{
    select_row(
        "'tablespace ' || quote_ident(t.spcname)",
        owner=owner_name("t.spcowner"),
        options=sorted_list("t.spcoptions"),
    )
} from pg_tablespace as t"""

_GRANTS = f"""select 'database ' || quote_ident(d.datname), 'databases database ' || quote_ident(d.datname), d.datdba,
        coalesce(d.datacl, acldefault('d', d.datdba)) from pg_database as d where {_NAMED}
    union all select 'tablespace ' || quote_ident(t.spcname), 'tablespaces tablespace ' || quote_ident(t.spcname),
        t.spcowner, coalesce(t.spcacl, acldefault('t', t.spcowner)) from pg_tablespace as t"""
# Rights on settings came with PostgreSQL 15; 10 is the bootstrap superuser, who has them all in any case.
_PARAMETERS = """ union all select 'parameter ' || p.parname, 'parameters ' || p.parname, 10,
        array(select a from unnest(p.paracl) as a, lateral aclexplode(array[a]) as x where x.grantee <> 10)
    from pg_parameter_acl as p"""

_SHARED = """case d.classoid when 'pg_database'::regclass
        then (select 'database ' || quote_ident(b.datname) from pg_database as b where b.oid = d.objoid)
    when 'pg_authid'::regclass then 'role ' || quote_ident(pg_get_userbyid(d.objoid))
    else (select 'tablespace ' || quote_ident(t.spcname) from pg_tablespace as t where t.oid = d.objoid) end"""
_COMMENTS = f"""select s.name, jsonb_build_object('of', jsonb_build_array(split_part(s.name, ' ', 1) || 's ' || s.name),
        'comment', 'md5 ' || md5(d.description))::text
    from pg_shdescription as d, lateral (select {_SHARED} as name) as s
    where s.name not in ('database template0', 'database template1', 'database rdsadmin')"""
_SECURITY_LABELS = f"""select s.name || ': ' || d.provider, jsonb_build_object('object', s.name, 'label', d.label)::text
    from pg_shseclabel as d, lateral (select {_SHARED} as name) as s where s.name is not null"""


def cluster_queries(version: int) -> dict[str, str]:
    """Return section and query, for a server of this `server_version_num`."""
    return {
        "roles": _ROLES,
        "memberships": _memberships(version),
        "settings": _SETTINGS,
        "databases": _DATABASES,
        "tablespaces": _TABLESPACES,
        "grants": grants(_GRANTS + (_PARAMETERS if version >= 150000 else "")),
        "comments": _COMMENTS,
        "security labels": _SECURITY_LABELS,
    }
