-- Every change of status belongs to an order that is there.
-- No foreign key can hold that: an order's number alone is no key of a partitioned table.
select s.id
from shop.status_change as s
where not exists (select from shop.orders as o where o.id = s.order_id);
