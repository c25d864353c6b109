-- What needs the contrib modules.
CREATE SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION unaccent SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
CREATE TABLE lab.extended (id integer PRIMARY KEY, word ext.citext UNIQUE, pairs ext.hstore, free text);
INSERT INTO lab.extended SELECT n, 'Word' || n, ext.hstore('n', n::text), 'free text ' || n FROM generate_series(1, 300) AS n;
CREATE INDEX extended_free ON lab.extended USING gin (free ext.gin_trgm_ops);
ALTER TABLE lab.extended OWNER TO master;
CREATE SERVER partner FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'partner.invalid', dbname 'stock');
CREATE USER MAPPING FOR master SERVER partner OPTIONS ("user" 'reader', password 'not-a-real-one');
GRANT USAGE ON FOREIGN SERVER partner TO master;
CREATE FOREIGN TABLE lab.partner_stock (id integer, amount integer) SERVER partner OPTIONS (table_name 'stock');
