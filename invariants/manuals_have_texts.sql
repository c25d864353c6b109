-- Every manual has its text.
-- No foreign key can hold that: the texts are large objects.
select m.product_id, m.language
from shop.manual as m
where not exists (select from pg_catalog.pg_largeobject_metadata as t where t.oid = m.content);
