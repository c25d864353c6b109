-- The total of every order is the sum of its lines.
select o.id
from shop.orders as o
left join (
    select order_id, placed_at, sum(amount) as amount from shop.order_line group by order_id, placed_at
) as lines on lines.order_id = o.id and lines.placed_at = o.placed_at
where o.total is distinct from coalesce(lines.amount, 0);
