-- Every order has at least one line.
select o.id
from shop.orders as o
where not exists (select from shop.order_line as l where l.order_id = o.id and l.placed_at = o.placed_at);
