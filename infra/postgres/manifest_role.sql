-- The role that takes manifests: it reads all rows and definitions, and changes none. docs/manifests.md has the rest.
--
--     psql "host=... dbname=postgres user=<the master user, or a superuser>" -f infra/postgres/manifest_role.sql
--
-- PostgreSQL 14 and later; roles belong to the whole server, and a replica gets them from its source. It may be run again. Give the
-- role a password afterwards (\password drills_manifest), or on Amazon RDS its IAM login (grant rds_iam to drills_manifest).
\set ON_ERROR_STOP on
begin;
set local client_min_messages = warning; -- what is given already

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'drills_manifest') then
        create role drills_manifest;
    end if;
end
$$;

-- --workers, the connection that watches the locks, and one that asks first
alter role drills_manifest login nocreatedb nocreaterole inherit connection limit 8;
grant pg_read_all_data, pg_read_all_settings to drills_manifest;

-- What the role starts with; it could set them otherwise. What it may not do is said by the rights that it does not have.
alter role drills_manifest set default_transaction_read_only = on;
alter role drills_manifest set lock_timeout = '2s';
alter role drills_manifest set statement_timeout = '10min';

do $$
declare
    name text;
begin
    -- pg_read_all_data alone does not read past row-level security, and a manifest is taken of all rows or not at all
    begin
        alter role drills_manifest bypassrls;
    exception when insufficient_privilege then
        raise warning 'BYPASSRLS was not given: tables with row-level security are listed as not read';
    end;
    -- where PUBLIC may not connect
    for name in
        select datname from pg_catalog.pg_database where datallowconn and not datistemplate and datname <> 'rdsadmin'
    loop
        begin
            if not pg_catalog.has_database_privilege('drills_manifest', name, 'CONNECT') then
                execute pg_catalog.format('grant connect on database %I to drills_manifest', name);
            end if;
        exception when insufficient_privilege then
            raise warning 'CONNECT on % was not given: its owner has to', name;
        end;
    end loop;
end
$$;

commit;

-- What PUBLIC may, the role may too, once it has set default_transaction_read_only otherwise: temporary tables, large objects of its
-- own, before PostgreSQL 15 tables of its own in the schema public, and functions that act with their owner's rights. A replica
-- refuses all of that.
