-- About 100,000 rows. Every value follows from the row's number, so that two loads give the same rows; nothing is read
-- from the clock or from random(). Helpers live in pg_temp and are gone with the session.

SET LOCAL TimeZone = 'UTC';
SET LOCAL jit = off;  -- compiling takes longer than these statements do

-- 0 <= pick < below: a linear congruential step on the row's number, another sequence for every salt.
CREATE FUNCTION pg_temp.pick(n bigint, salt bigint, below bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT ((((n * 1597334677 + salt * 987654321) & 4294967295) >> 7) % below)::integer $$;

CREATE FUNCTION pg_temp.bytes(n bigint, salt bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT sha256(convert_to(n::text || '/' || salt::text, 'UTF8')) $$;

-- When order n was placed: 24,000 orders spread over 2025 and the first 36 days of 2026.
CREATE FUNCTION pg_temp.placed(n bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT timestamptz '2025-01-01 00:00:00+00' + (n * 1440 + n % 977) * interval '1 second'
              + (n % 1000) * interval '1 microsecond' $$;

INSERT INTO shop.customer (external_id, email, name, country, phone, note, home, tags, preferences, credit, score, born,
                           last_seen, created_at)
SELECT left(encode(pg_temp.bytes(n, 1), 'hex'), 32)::uuid,
       'customer' || n || '@example.com',
       (ARRAY['Ada', 'Björn', 'Chloë', 'Dmitri', 'Elif', 'Fatou', 'Grace', 'Hiro'])[1 + pg_temp.pick(n, 2, 8)] || ' '
           || (ARRAY['Adler', 'Özil', 'Nowak', 'O''Neill', 'Smith', 'Žižka', '山田'])[1 + pg_temp.pick(n, 3, 7)] || ' ' || n,
       (ARRAY['DE', 'FR', 'GB', 'IE', 'JP', 'PL', 'US'])[1 + pg_temp.pick(n, 4, 7)],
       CASE WHEN n % 4 = 0 THEN NULL ELSE '+49 30 ' || lpad(pg_temp.pick(n, 5, 100000)::text, 5, '0') END,
       CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'rings\ttwice,\nthen \\ waits' ELSE 'note ' || n END,
       CASE WHEN n % 3 > 0
            THEN ROW(n % 200 || ' Main "Old" Street', 'City ' || n % 90, lpad((n % 99999)::text, 5, '0'))::shop.address END,
       CASE n % 4 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY['vip'] WHEN 2 THEN ARRAY['a,b', NULL, '"quoted"'] ELSE ARRAY['', 'b'] END,
       jsonb_build_object('news', n % 2 = 0, 'theme', (ARRAY['dark', 'light'])[1 + n % 2], 'limit', n % 50,
                          'last', CASE WHEN n % 6 > 0 THEN to_jsonb(n * 1.50) ELSE 'null'::jsonb END),
       pg_temp.pick(n, 6, 100000) / 100.0,
       CASE WHEN n % 1000 = 0 THEN 'NaN'::real ELSE (pg_temp.pick(n, 7, 1000) / 7.0)::real END,
       date '1950-01-01' + pg_temp.pick(n, 8, 18000),
       timestamp '2025-01-01 00:00:00' + pg_temp.pick(n, 9, 31536000) * interval '1 second',
       timestamptz '2024-01-01 00:00:00+00' + n * interval '97 minutes'
FROM generate_series(1, 4000) AS n;

INSERT INTO shop.product (sku, name, price, weight_kg, size_cm, attributes, thumbnail, delivery, retired)
SELECT (ARRAY['ABC', 'KLM', 'XYZ'])[1 + n % 3] || '-' || lpad(n::text, 5, '0'),
       'Product ' || n,
       (500 + pg_temp.pick(n, 11, 20000)) / 100.0,
       CASE WHEN n % 7 > 0 THEN pg_temp.pick(n, 12, 50000) / 1000.0 END,
       ARRAY[1 + n % 40, 1 + n % 30, 1 + n % 20],
       CASE WHEN n % 5 > 0 THEN jsonb_build_object('colour', (ARRAY['red', 'green', 'blue'])[1 + n % 3],
                                                   'parts', jsonb_build_array(n, n % 7, NULL)) END,
       CASE WHEN n % 3 > 0 THEN pg_temp.bytes(n, 13) || '\x00ff'::bytea END,
       (1 + n % 6) * interval '1 day 6 hours',
       n % 50 = 0
FROM generate_series(1, 1000) AS n;

INSERT INTO shop.campaign (code, during, discount)
SELECT 'WEEK' || n,
       tstzrange(timestamptz '2025-01-06 00:00:00+00' + n * interval '14 days',
                 timestamptz '2025-01-13 00:00:00+00' + n * interval '14 days'),
       (n % 10) * 0.025
FROM generate_series(0, 25) AS n;

-- Twenty manuals of 32 bytes to 76 kB: a large object is stored in pieces of 2 kB, so most need several.
INSERT INTO shop.manual (product_id, language, pages, content)
SELECT n, (ARRAY['de', 'en'])[1 + n % 2], n,
       lo_from_bytea(910000 + n::oid::integer,
                     (SELECT string_agg(pg_temp.bytes(n, 100 + piece), ''::bytea ORDER BY piece)
                      FROM generate_series(1, 1 + (n - 1) * 125) AS piece))
FROM generate_series(1, 20) AS n;

INSERT INTO shop.order_line (order_id, placed_at, line, product_id, quantity, unit_price)
SELECT n, pg_temp.placed(n), line, 1 + pg_temp.pick(n, 30 + line, 1000), 1 + pg_temp.pick(n, 40 + line, 5),
       (500 + pg_temp.pick(n, 50 + line, 20000)) / 100.0
FROM generate_series(1, 24000) AS n, generate_series(1, 1 + n % 4) AS line;

INSERT INTO shop.orders (placed_at, customer_id, status, total, ship_to, remark, updated_at)
SELECT pg_temp.placed(n),
       1 + pg_temp.pick(n, 21, 4000),
       CASE WHEN n > 23900 THEN 'new' WHEN n > 23700 THEN 'packed'
            WHEN n % 40 = 0 THEN 'cancelled' WHEN n % 61 = 0 THEN 'returned' ELSE 'shipped' END::shop.order_status,
       sums.amount,
       CASE WHEN n % 9 = 0 THEN jsonb_build_object('pickup', true, 'shop', n % 12) END,
       CASE WHEN n % 40 = 0 THEN 'customer changed their mind' WHEN n % 8 = 0 THEN '' END,
       pg_temp.placed(n) + interval '3 hours'
FROM (SELECT order_id AS n, sum(amount) AS amount FROM shop.order_line GROUP BY order_id) AS sums ORDER BY n;

INSERT INTO shop.payment (order_id, placed_at, method, amount, reference, payer, paid_at)
SELECT n, pg_temp.placed(n), (ARRAY['card', 'transfer', 'invoice', 'voucher'])[1 + pg_temp.pick(n, 61, 4)]::shop.payment_method,
       pg_temp.pick(n, 62, 90000) / 100.0, substr(pg_temp.bytes(n, 63), 1, 12),
       CASE WHEN n % 6 > 0 THEN 'payer ' || n END, pg_temp.placed(n) + pg_temp.pick(n, 64, 90000) * interval '1 second'
FROM generate_series(3, 23700, 3) AS n;

INSERT INTO shop.status_change (order_id, was, is_now, by_whom, at)
SELECT n, CASE WHEN n % 2 = 0 THEN 'paid'::shop.order_status END, 'packed', 'shop_app', pg_temp.placed(n) + interval '2 hours'
FROM generate_series(8, 24000, 8) AS n;
