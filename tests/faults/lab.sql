-- What the faults are done to, beside tests/rich_schema.sql in the same database. Every value follows from its row's
-- number. Run by a superuser; what needs contrib or ICU is in files of its own.
ALTER TABLE app.parent NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.parent OWNER TO master;
GRANT SELECT ON LARGE OBJECT 4711 TO master;

CREATE SCHEMA lab AUTHORIZATION master;
CREATE TYPE lab.state AS ENUM ('new', 'paid', 'sent');
CREATE DOMAIN lab.share AS numeric(5, 4) CONSTRAINT share_is_a_share CHECK (VALUE BETWEEN 0 AND 1);
CREATE SEQUENCE lab.ticket_seq START 100 INCREMENT 10;

CREATE TABLE lab.customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    country char(2) NOT NULL DEFAULT 'DE',
    credit numeric(12, 2) NOT NULL CONSTRAINT credit_is_not_negative CHECK (credit >= 0),
    weight numeric,
    ratio float8,
    span interval,
    share lab.share,
    prefs jsonb NOT NULL DEFAULT '{}',
    tags text[],
    note text,
    photo bytea,
    padding text NOT NULL,
    born date,
    seen timestamptz NOT NULL,
    local_time timestamp
);
INSERT INTO lab.customer (email, name, credit, weight, ratio, span, share, prefs, tags, note, photo, padding, born, seen,
                          local_time)
SELECT 'c' || n || '@example.com', 'Zoë Ünal ' || n, n * 1.25, (n || '.10')::numeric, n / 7.0, n % 40 * interval '1 day',
       (n % 100) / 100.0, jsonb_build_object('n', n, 'news', n % 2 = 0, 'left', null),
       CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY['a', NULL, 'b,c'] END,
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'note ' || n END,
       sha256(n::text::bytea), repeat(md5(n::text), 5), date '1970-01-01' + n,
       timestamptz '2026-01-01 00:00:00+00' + n * interval '13 minutes', timestamp '2026-01-01 00:00:00' + n * interval '1 hour'
FROM generate_series(1, 2000) AS n;
CREATE INDEX customer_country ON lab.customer (country, seen);
CREATE STATISTICS lab.customer_pairs (dependencies) ON country, born FROM lab.customer;

CREATE TABLE lab.orders (
    id bigint NOT NULL,
    placed date NOT NULL,
    customer_id bigint NOT NULL REFERENCES lab.customer,
    state lab.state NOT NULL DEFAULT 'new',
    total numeric(10, 2) NOT NULL CONSTRAINT total_is_not_negative CHECK (total >= 0),
    updated timestamptz,
    PRIMARY KEY (id, placed)
) PARTITION BY RANGE (placed);
CREATE TABLE lab.orders_01 PARTITION OF lab.orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE lab.orders_02 PARTITION OF lab.orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE lab.orders_rest PARTITION OF lab.orders DEFAULT;
INSERT INTO lab.orders SELECT n, date '2026-01-01' + n % 90, 1 + n * 7 % 2000, 'paid', n % 500, NULL
FROM generate_series(1, 3000) AS n;
CREATE INDEX orders_customer ON lab.orders (customer_id);

CREATE TABLE lab.item (
    id serial PRIMARY KEY,
    customer_id bigint NOT NULL CONSTRAINT item_customer REFERENCES lab.customer,
    quantity integer NOT NULL CONSTRAINT quantity_is_positive CHECK (quantity > 0),
    label varchar(20),
    CONSTRAINT one_label UNIQUE (customer_id, label)
);
INSERT INTO lab.item (customer_id, quantity, label) SELECT 1 + n % 2000, 1 + n % 9, 'l' || n FROM generate_series(1, 4000) AS n;
CREATE INDEX item_quantity ON lab.item (quantity) WHERE quantity > 5;

-- incompressible, so that each value has chunks of its own in the TOAST table
CREATE TABLE lab.document (id integer PRIMARY KEY, body text NOT NULL);
ALTER TABLE lab.document ALTER body SET STORAGE EXTERNAL;
INSERT INTO lab.document SELECT n, (SELECT string_agg(md5((n * 1000 + m)::text), '') FROM generate_series(1, 400) AS m)
FROM generate_series(1, 30) AS n;

CREATE TABLE lab.account (id integer PRIMARY KEY, owner name NOT NULL, balance numeric NOT NULL);
INSERT INTO lab.account SELECT n, CASE n % 2 WHEN 0 THEN 'readers' ELSE 'writers' END, n * 100 FROM generate_series(1, 40) AS n;
ALTER TABLE lab.account ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON lab.account TO readers, writers USING (owner = current_user);

-- no key, and every row twice: what one half lost must not be made good by the other
CREATE TABLE lab.pair (n integer NOT NULL);
INSERT INTO lab.pair SELECT n FROM generate_series(1, 100) AS n, generate_series(1, 2);
ALTER TABLE lab.pair REPLICA IDENTITY FULL;
CREATE TABLE lab.empty_table (id integer PRIMARY KEY, body text);
CREATE UNLOGGED TABLE lab.cache (id integer PRIMARY KEY, body text);
INSERT INTO lab.cache SELECT n, 'x' FROM generate_series(1, 50) AS n;
CREATE TABLE lab.place (id integer PRIMARY KEY, at point, around box, during tstzrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO lab.place SELECT n, point(n, -n), box(point(0, 0), point(n, n)),
    tstzrange(timestamptz '2026-01-01 00:00:00+00' + n * interval '2 days', timestamptz '2026-01-02 00:00:00+00' + n * interval '2 days')
FROM generate_series(1, 200) AS n;
CREATE INDEX place_at ON lab.place USING gist (at);
CREATE INDEX customer_prefs ON lab.customer USING gin (prefs);
CREATE INDEX customer_note ON lab.customer USING hash (note);
CREATE INDEX item_label ON lab.item USING spgist ((label::text));
CREATE INDEX item_range ON lab.item USING brin (id);

CREATE MATERIALIZED VIEW lab.totals AS SELECT placed, sum(total) AS total FROM lab.orders GROUP BY placed;
CREATE UNIQUE INDEX totals_placed ON lab.totals (placed);
CREATE VIEW lab.rich_customer AS SELECT id, email, credit FROM lab.customer WHERE credit > 1000;
CREATE RULE never_delete AS ON DELETE TO lab.empty_table DO INSTEAD NOTHING;

CREATE FUNCTION lab.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON lab.orders FOR EACH ROW EXECUTE FUNCTION lab.touch();
CREATE FUNCTION lab.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER guard BEFORE DELETE ON lab.account FOR EACH ROW EXECUTE FUNCTION lab.refuse();
CREATE FUNCTION lab.tax(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'select amount * 0.19';
CREATE VIEW lab.taxed AS SELECT id, lab.tax(credit) AS tax FROM lab.customer;
CREATE FUNCTION lab.keyed(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'select pg_catalog.lower(given)';
CREATE INDEX customer_keyed ON lab.customer (lab.keyed(email));
CREATE FUNCTION lab.log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER log_ddl ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION lab.log_ddl();
CREATE PUBLICATION lab_feed FOR TABLE lab.orders, lab.item;

SELECT setval('lab.ticket_seq', 4230, true);
SELECT count(lo_from_bytea(920000 + n, (SELECT string_agg(sha256((n * 100 + m)::text::bytea), ''::bytea) FROM generate_series(1, 100) AS m)))
FROM generate_series(1, 12) AS n;

COMMENT ON TABLE lab.customer IS 'Who buys';
COMMENT ON COLUMN lab.customer.note IS 'What was said';
GRANT USAGE ON SCHEMA lab TO readers, writers;
GRANT SELECT ON lab.customer, lab.orders TO readers;
GRANT SELECT (id, quantity) ON lab.item TO readers;
GRANT INSERT, UPDATE ON lab.orders TO writers;
GRANT USAGE ON SEQUENCE lab.ticket_seq TO writers;
REVOKE EXECUTE ON FUNCTION lab.tax(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO readers;
CREATE OPERATOR FAMILY lab.loose USING btree;
ALTER OPERATOR FAMILY lab.loose USING btree OWNER TO master;
ALTER DEFAULT PRIVILEGES FOR ROLE master IN SCHEMA lab GRANT SELECT ON TABLES TO readers;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'lab'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    LOOP EXECUTE format('ALTER TABLE %s OWNER TO master', name); END LOOP;
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'lab'::regnamespace AND c.relkind = 'S'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
    LOOP EXECUTE format('ALTER SEQUENCE %s OWNER TO master', name); END LOOP;
    FOR name IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'lab'::regnamespace AND p.proname <> 'log_ddl'
    LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO master', name); END LOOP;
    FOR name IN SELECT m.oid FROM pg_largeobject_metadata m WHERE m.oid >= 920000
    LOOP EXECUTE format('ALTER LARGE OBJECT %s OWNER TO master', name); END LOOP;
END
$$;
ALTER LARGE OBJECT 920012 OWNER TO writers;
GRANT SELECT ON LARGE OBJECT 920012 TO master;
