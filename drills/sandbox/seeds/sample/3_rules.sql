-- What is cheaper to add once the rows are there: keys, indexes, triggers, views, policies and grants.

ALTER TABLE shop.manual ADD CONSTRAINT manual_product_fkey FOREIGN KEY (product_id) REFERENCES shop.product;
ALTER TABLE shop.orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer_id) REFERENCES shop.customer;
ALTER TABLE shop.order_line ADD CONSTRAINT order_line_order_fkey
    FOREIGN KEY (order_id, placed_at) REFERENCES shop.orders ON DELETE CASCADE;
ALTER TABLE shop.order_line ADD CONSTRAINT order_line_product_fkey FOREIGN KEY (product_id) REFERENCES shop.product;
ALTER TABLE shop.payment ADD CONSTRAINT payment_order_fkey
    FOREIGN KEY (order_id, placed_at) REFERENCES shop.orders DEFERRABLE INITIALLY DEFERRED;

CREATE UNIQUE INDEX customer_email_key ON shop.customer (shop.search_key(email));
CREATE INDEX customer_preferences_idx ON shop.customer USING gin (preferences jsonb_path_ops);
CREATE INDEX customer_vip_idx ON shop.customer (created_at DESC) WHERE 'vip' = ANY (tags);
CREATE INDEX product_price_idx ON shop.product (price, name COLLATE "C") INCLUDE (sku) WHERE NOT retired;
CREATE INDEX orders_customer_idx ON shop.orders (customer_id, placed_at);
CREATE INDEX orders_open_idx ON shop.orders (placed_at) WHERE status IN ('new', 'paid', 'packed');
CREATE INDEX order_line_product_idx ON shop.order_line USING brin (product_id);
CREATE INDEX payment_reference_idx ON shop.payment USING hash (reference);
CREATE INDEX payment_order_idx ON shop.payment (order_id);
CREATE STATISTICS shop.customer_country_tags (dependencies, ndistinct) ON country, born FROM shop.customer;
ALTER TABLE shop.product REPLICA IDENTITY USING INDEX product_sku_key;
ALTER TABLE shop.customer ALTER COLUMN country SET STATISTICS 200;
ALTER TABLE shop.status_change SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.1);

CREATE VIEW shop.open_order AS
    SELECT o.id, o.placed_at, o.invoice, c.name, o.total
    FROM shop.orders AS o JOIN shop.customer AS c ON c.id = o.customer_id
    WHERE o.status IN ('new', 'paid', 'packed');
CREATE VIEW shop.current_product AS
    SELECT id, sku, name, price FROM shop.product WHERE NOT retired
    WITH CASCADED CHECK OPTION;
CREATE MATERIALIZED VIEW shop.monthly_sales AS
    SELECT date_trunc('month', placed_at AT TIME ZONE 'UTC')::date AS month, status, count(*) AS orders, sum(total) AS total
    FROM shop.orders GROUP BY 1, 2 ORDER BY 1, 2;
CREATE UNIQUE INDEX monthly_sales_key ON shop.monthly_sales (month, status);
COMMENT ON MATERIALIZED VIEW shop.monthly_sales IS 'Refreshed every night';
COMMENT ON INDEX shop.customer_email_key IS 'One account an address, whatever its capitals';
COMMENT ON CONSTRAINT one_campaign_at_a_time ON shop.campaign IS 'Discounts never add up';

CREATE FUNCTION shop.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE FUNCTION shop.note_status_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO shop.status_change (order_id, was, is_now) VALUES (NEW.id, OLD.status, NEW.status);
    RETURN NULL;
END
$$;
CREATE FUNCTION shop.add_up() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE shop.orders AS o SET total = o.total + sums.amount
    FROM (SELECT order_id, placed_at, sum(amount) AS amount FROM fresh GROUP BY order_id, placed_at) AS sums
    WHERE o.id = sums.order_id AND o.placed_at = sums.placed_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER note_status_change AFTER UPDATE OF status ON shop.orders
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION shop.note_status_change();
CREATE TRIGGER add_up AFTER INSERT ON shop.order_line
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION shop.add_up();

-- What the living application does: one order with one to three lines and, mostly, its payment.
CREATE FUNCTION shop.place_order(buyer bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    order_id bigint;
    placed timestamptz := clock_timestamp();
BEGIN
    INSERT INTO shop.orders (placed_at, customer_id)
    VALUES (placed, coalesce(buyer, 1 + floor(random() * (SELECT max(id) FROM shop.customer))::bigint))
    RETURNING id INTO order_id;
    INSERT INTO shop.order_line (order_id, placed_at, line, product_id, quantity, unit_price)
    SELECT order_id, placed, line, p.id, 1 + floor(random() * 4)::integer, p.price
    FROM (SELECT id, price, row_number() OVER (ORDER BY id) AS line
          FROM (SELECT id, price FROM shop.current_product
                ORDER BY random() LIMIT 1 + floor(random() * 3)::integer) AS basket) AS p;
    IF random() < 0.8 THEN
        INSERT INTO shop.payment (order_id, placed_at, method, amount, reference)
        SELECT o.id, o.placed_at, 'card', o.total, decode(replace(gen_random_uuid()::text, '-', ''), 'hex')
        FROM shop.orders AS o WHERE o.id = order_id AND o.placed_at = placed;
        UPDATE shop.orders AS o SET status = 'paid' WHERE o.id = order_id AND o.placed_at = placed;
    END IF;
    RETURN order_id;
END
$$;
COMMENT ON FUNCTION shop.place_order(bigint) IS 'Writes one order and returns its number';

-- The owner reads and writes everything: no table forces row-level security on its owner.
ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.payment ENABLE ROW LEVEL SECURITY;
CREATE POLICY customer_of_country ON shop.customer FOR SELECT TO shop_readonly
    USING (country = current_setting('shop.country', true));
CREATE POLICY customer_by_app ON shop.customer TO shop_app USING (true) WITH CHECK (credit < 10000);
CREATE POLICY payment_by_app ON shop.payment TO shop_app USING (true);
CREATE POLICY payment_not_negative ON shop.payment AS RESTRICTIVE FOR INSERT TO PUBLIC WITH CHECK (amount >= 0);
COMMENT ON POLICY customer_of_country ON shop.customer IS 'Analysts see one country at a time';

GRANT USAGE ON SCHEMA shop TO shop_app, shop_readonly;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA shop TO shop_app;
GRANT DELETE ON shop.order_line TO shop_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA shop TO shop_app;
GRANT SELECT ON shop.product, shop.orders, shop.order_line, shop.open_order, shop.monthly_sales, shop.customer TO shop_readonly;
GRANT SELECT (id, order_id, placed_at, method, amount, paid_at) ON shop.payment TO shop_readonly;
REVOKE ALL ON FUNCTION shop.place_order(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop.place_order(bigint) TO shop_app WITH GRANT OPTION;
GRANT USAGE ON TYPE shop.order_status TO shop_readonly;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO shop_readonly;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT EXECUTE ON FUNCTIONS TO shop_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT USAGE ON SEQUENCES TO shop_app;
DO $$
DECLARE
    manual oid;
BEGIN
    FOR manual IN SELECT content FROM shop.manual WHERE product_id <= 10 ORDER BY content LOOP
        EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO shop_readonly', manual);
        EXECUTE format('COMMENT ON LARGE OBJECT %s IS %L', manual, 'manual');
    END LOOP;
END
$$;
