-- How many devices a product has, counted as they change.

-- name: move
-- Each connection counts in rows of its own.
insert into fleet_count as c (product_id, lane, devices, active, online)
select m.product_id, pg_backend_pid(), m.devices, m.active, m.online
from unnest(:product_ids::bigint[], :devices::bigint[], :active::bigint[], :online::bigint[])
     as m(product_id, devices, active, online)
on conflict (product_id, lane) do update
set devices = c.devices + excluded.devices, active = c.active + excluded.active, online = c.online + excluded.online;

-- name: settle
-- Whether these devices are counted as online follows what their rows say; returns where each is counted and was.
update presence n set counted_was = n.counted_in,
    counted_in = case when n.node_id is not null and d.enabled and d.deleted_at is null then d.product_id end
from device d
where n.device_id = any(:device_ids::uuid[]) and d.device_id = n.device_id and n.counted_in is distinct from
      case when n.node_id is not null and d.enabled and d.deleted_at is null then d.product_id end
returning n.counted_in, n.counted_was;

-- name: counted
-- The live devices of an account's products, or of one of them, or of those in a space.
select coalesce(sum(c.devices), 0)::bigint as devices, coalesce(sum(c.active), 0)::bigint as active,
       coalesce(sum(c.online), 0)::bigint as online
from product p join fleet_count c using (product_id)
where p.account_id = :account_id and p.deleted_at is null
  and (:product_id::bigint is null or p.product_id = :product_id)
  and (:space_id::bigint is null or p.space_id = :space_id);

-- name: products_apart
select distinct product_id from fleet_count where lane <> 0 limit :at_most;

-- name: fold
-- The rows of a product that nobody writes now become one.
with apart as (
    delete from fleet_count d using (
        select product_id, lane from fleet_count where product_id = :product_id and lane <> 0 for update skip locked
    ) s
    where d.product_id = s.product_id and d.lane = s.lane
    returning d.devices, d.active, d.online
)
insert into fleet_count as c (product_id, lane, devices, active, online)
select :product_id, 0, sum(devices), sum(active), sum(online) from apart having count(*) > 0
on conflict (product_id, lane) do update
set devices = c.devices + excluded.devices, active = c.active + excluded.active, online = c.online + excluded.online;

-- name: window_of_product
-- The next live devices of a product, by id, counted: those that fit, and the last that was looked at.
select count(*) filter (where w.fits) as devices, count(w.activated_at) filter (where w.fits) as active,
       count(*) filter (where w.fits and w.is_online) as online, count(*) as looked, max(w.device_id::text)::uuid as last
from (
    select d.device_id, d.activated_at, device_status(d.enabled, n.node_id, d.activated_at) = 'ONLINE' as is_online,
           {condition} as fits
    from (select * from device
          where product_id = :product_id and deleted_at is null and (:after::uuid is null or device_id > :after)
          order by device_id limit :at_most) d
    join product p using (product_id) left join presence n using (device_id)
) w;

-- name: window_of_members
-- The same of the members of a static group, as far as they are devices of the account.
select count(p.product_id) as devices, count(d.activated_at) filter (where p.product_id is not null) as active,
       count(p.product_id) filter (where device_status(d.enabled, n.node_id, d.activated_at) = 'ONLINE') as online,
       count(*) as looked, max(m.device_id::text)::uuid as last
from (select device_id from group_member
      where group_id = :group_id and (:after::uuid is null or device_id > :after)
      order by device_id limit :at_most) m
left join device d on d.device_id = m.device_id and d.deleted_at is null
left join product p on p.product_id = d.product_id and p.account_id = :account_id and p.deleted_at is null
     and (:product_id::bigint is null or p.product_id = :product_id)
     and (:space_id::bigint is null or p.space_id = :space_id)
left join presence n on n.device_id = d.device_id;

-- name: products_of_account
-- With devices.
select product_id, product_key from product p
where account_id = :account_id and deleted_at is null and (:product_id::bigint is null or product_id = :product_id)
  and (:space_id::bigint is null or space_id = :space_id)
  and exists (select from device d where d.product_id = p.product_id and d.deleted_at is null) order by product_id;
