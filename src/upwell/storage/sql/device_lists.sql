-- Lists of devices, and their numbers. `{condition}` is where storage/search.py puts a condition.

-- name: newest
-- Ids from new to old, those of one moment by id; of one product by its index.
select d.device_id, d.created_at from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = :account_id and p.deleted_at is null and d.deleted_at is null
  and (:product_id::bigint is null or d.product_id = :product_id) and {condition}
order by d.created_at desc, d.device_id limit :take offset :skip;

-- name: newest_after
-- The same of one product from behind the device `after`, made at `moment`, at the same cost at any depth: those made
-- in the same moment follow by id, then the older ones.
select device_id, created_at from (
    (select d.device_id, d.created_at from device d join product p using (product_id)
     left join presence n using (device_id)
     where d.product_id = :product_id and d.deleted_at is null and d.created_at = :moment and d.device_id > :after
       and {condition}
     order by d.device_id limit :take)
    union all
    (select d.device_id, d.created_at from device d join product p using (product_id)
     left join presence n using (device_id)
     where d.product_id = :product_id and d.deleted_at is null and d.created_at < :moment and {condition}
     order by d.created_at desc, d.device_id limit :take)
) d
order by created_at desc, device_id limit :take;

-- name: moment_of_device
-- When a device of the product was made; a deleted one still says where it stood.
select created_at from device where product_id = :product_id and device_id = :device_id;

-- name: record
-- Ids by record from new to old, below one.
select f.device_id, f.created_at from product p cross join lateral (
    select d.device_id, d.created_at from device d left join presence n using (device_id)
    where d.product_id = p.product_id and d.deleted_at is null
      and (:moment::timestamptz is null or (d.created_at, d.device_id) < (:moment, :device_id::uuid)) and {condition}
    order by d.created_at desc, d.device_id desc limit :take::bigint + :skip::bigint
) f
where p.account_id = :account_id and p.deleted_at is null
  and (:product_id::bigint is null or p.product_id = :product_id)
order by f.created_at desc, f.device_id desc limit :take offset :skip;

-- name: by_name
-- Ids of one product by name, from behind one.
select d.device_id, d.created_at, d.name from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = :account_id and p.deleted_at is null and d.product_id = :product_id and d.deleted_at is null
  and {beyond} and {condition}
order by {order} limit :take offset :skip;

-- name: record_up
-- The same as by record from old to new, from one on.
select f.device_id, f.created_at from product p cross join lateral (
    select d.device_id, d.created_at from device d left join presence n using (device_id)
    where d.product_id = p.product_id and d.deleted_at is null
      and (:moment::timestamptz is null or (d.created_at, d.device_id) >= (:moment, :device_id::uuid)) and {condition}
    order by d.created_at, d.device_id limit :take::bigint + :skip::bigint
) f
where p.account_id = :account_id and p.deleted_at is null
  and (:product_id::bigint is null or p.product_id = :product_id)
order by f.created_at, f.device_id limit :take offset :skip;

-- name: has_registration
select exists (select from registration where apply_id = :apply_id and account_id = :account_id);

-- name: count_registered
select count(*) from registered g join device d using (device_id, life)
where g.apply_id = :apply_id and d.deleted_at is null;

-- name: registered
-- In the order of their making.
select g.device_id, d.created_at from registered g join device d using (device_id, life)
where g.apply_id = :apply_id and d.deleted_at is null order by g.place limit :take offset :skip;
