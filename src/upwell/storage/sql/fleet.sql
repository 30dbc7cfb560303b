-- Products, devices, their tags, registrations and presence. A row with deleted_at is a tombstone and is seen by nobody.

-- name: make_product
-- In the account's default space. No row comes back when the name is taken.
insert into product (product_id, account_id, space_id, product_key, product_secret, name, facts, created_at)
values ($1, $2, $2, $3, $4, $5, $6::jsonb, $7)
on conflict (account_id, name) where deleted_at is null and not shares_name do nothing
returning product_id;

-- name: show_products
-- Views of products, in the order of the given ids.
select p.product_key, p.product_secret, p.name, p.facts, p.created_at,
       (select count(*) from device d where d.product_id = p.product_id and d.deleted_at is null) as device_count
from unnest($1::bigint[]) with ordinality as w(product_id, place) join product p using (product_id)
order by w.place;

-- name: find_product
select product_id from product where account_id = $1 and product_key = $2 and deleted_at is null;

-- name: share_product
-- As find_product; the product can't be deleted until this transaction ends.
select product_id from product where account_id = $1 and product_key = $2 and deleted_at is null for share;

-- name: lock_product
-- As find_product; no device can be registered until this transaction ends.
select product_id from product where account_id = $1 and product_key = $2 and deleted_at is null for update;

-- name: count_products
select count(*) from product where account_id = $1 and deleted_at is null and facts @> $2::jsonb;

-- name: page_of_products
select product_id from product where account_id = $1 and deleted_at is null and facts @> $2::jsonb
order by product_id desc limit $3 offset $4;

-- name: update_product
update product set name = $2, facts = facts || $3::jsonb where product_id = $1;

-- name: has_devices
select exists (select from device where product_id = $1 and deleted_at is null);

-- name: delete_product
update product set deleted_at = $2 where product_id = $1;

-- name: make_registration
insert into registration (apply_id, account_id, product_id, status, asked, created_at, names)
values ($1, $2, $3, $4, $5, $6, $7::jsonb);

-- name: taken_names
select name from device where device_id = any($1::uuid[]) and deleted_at is null;

-- name: lock_checked
-- A batch that was checked, held so that it is registered once.
select r.status, r.names from registration r join product p using (product_id)
where r.apply_id = $1 and r.account_id = $2 and p.product_key = $3 and r.names is not null
for update of r;

-- name: end_registration
update registration set status = $2, names = $3::jsonb where apply_id = $1;

-- name: show_registration
select r.apply_id, r.status, r.asked, r.created_at, r.names as checked,
       array(select g.name from registered g where g.apply_id = r.apply_id order by g.place) as made
from registration r join product p using (product_id)
where r.apply_id = $1 and r.account_id = $2 and p.product_key = $3;

-- name: has_registration
select exists (select from registration where apply_id = $1 and account_id = $2);

-- name: count_registered
select count(*) from registered g join device d using (device_id, life)
where g.apply_id = $1 and d.deleted_at is null;

-- name: page_of_registered
select g.device_id from registered g join device d using (device_id, life)
where g.apply_id = $1 and d.deleted_at is null order by g.place limit $2 offset $3;

-- name: count_devices
select count(*) from device where product_id = $1 and deleted_at is null;

-- name: page_of_devices
select device_id from device where product_id = $1 and deleted_at is null
order by created_at desc, device_id limit $2 offset $3;

-- name: moment_of_device
-- When a device of the product was made; a deleted one still says where it stood.
select created_at from device where product_id = $1 and device_id = $2;

-- name: devices_after
-- The page behind the device $3 that was made at $2, at the same cost at any depth: those made in the same moment
-- follow by id, then the older ones.
select device_id from (
    (select device_id, created_at from device
     where product_id = $1 and deleted_at is null and created_at = $2 and device_id > $3
     order by device_id limit $4)
    union all
    (select device_id, created_at from device
     where product_id = $1 and deleted_at is null and created_at < $2
     order by created_at desc, device_id limit $4)
) d
order by created_at desc, device_id limit $4;

-- name: count_devices_by_status
select count(*) from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and ($2::bigint is null or d.product_id = $2)
  and device_status(d.enabled, n.node_id, d.activated_at) = $3 and p.facts @> $4::jsonb;

-- name: page_of_devices_by_status
select d.device_id from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and ($2::bigint is null or d.product_id = $2)
  and device_status(d.enabled, n.node_id, d.activated_at) = $3 and p.facts @> $4::jsonb
order by d.created_at desc, d.device_id limit $5 offset $6;

-- name: show_devices
-- Views of an account's devices, in the order of the given ids; the others are left out. A version that is not known
-- is shown empty, which no version is; one that was never said is not shown.
select d.device_id, p.product_key, p.name as product_name, p.facts as product_facts, d.name, d.secret, d.iot_id,
       d.nickname, d.created_at, d.modified_at, d.activated_at, n.online_at, n.offline_at, n.address,
       case when v.device_id is not null then coalesce(v.version, '') end as firmware_version,
       device_status(d.enabled, n.node_id, d.activated_at) as status
from unnest($2::uuid[]) with ordinality as w(device_id, place)
join device d using (device_id)
join product p using (product_id)
left join presence n using (device_id)
left join module_version v on v.device_id = d.device_id and v.module = 'default'
where p.account_id = $1 and d.deleted_at is null and p.deleted_at is null
order by w.place;

-- name: lock_devices
-- Live devices of the account among these, locked in one order so that no two askers wait for each other.
select d.device_id, d.iot_id from device d join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and d.device_id = any($2::uuid[]) and d.deleted_at is null
order by d.device_id for no key update of d;

-- name: devices_by_public_id
-- Live devices of an account under their public ids, chosen ones first; $3 and $4 are the ids that stand for one which
-- was not chosen, and the devices they would lead to.
select w.public_id, d.device_id
from unnest($2::text[]) as w(public_id) join device d using (public_id) join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null
union all
select w.public_id, d.device_id
from unnest($3::text[], $4::uuid[]) as w(public_id, device_id) join device d using (device_id)
join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and d.public_id is null;

-- name: has_sub_devices
select exists (select from topology t join device d using (device_id) where t.gateway_id = $1 and d.deleted_at is null);

-- name: delete_device
-- A locked device becomes a tombstone; what it said, where it was connected and belonged is forgotten.
with presence_gone as (
    delete from presence where device_id = $1
), versions_gone as (
    delete from module_version where device_id = $1
), tags_gone as (
    delete from device_tag where device_id = $1
), membership_gone as (
    delete from group_member where device_id = $1
), topology_gone as (
    delete from topology where device_id = $1 or gateway_id = $1
)
update device set deleted_at = $2, modified_at = $2 where device_id = $1;

-- name: forget_versions
delete from module_version where device_id = $1;

-- name: set_nicknames
update device d set nickname = w.nickname, modified_at = $1
from unnest($2::uuid[], $3::text[]) as w(device_id, nickname) where d.device_id = w.device_id;

-- name: set_tags
insert into device_tag (device_id, key, value) select $1, w.key, w.value from unnest($2::text[], $3::text[]) as w(key, value)
on conflict (device_id, key) do update set value = excluded.value;

-- name: count_tags
select count(*) from device_tag where device_id = $1;

-- name: show_tags
select key, value from device_tag where device_id = $1 order by key;

-- name: delete_tag
delete from device_tag where device_id = $1 and key = $2;

-- name: count_devices_by_tags
-- Devices that have every one of $4 tags, each given once.
select count(*) from device d join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null
  and d.device_id in (
      select t.device_id from device_tag t join unnest($2::text[], $3::text[]) as w(key, value) using (key, value)
      group by t.device_id having count(*) = $4);

-- name: page_of_devices_by_tags
select d.device_id from device d join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null
  and d.device_id in (
      select t.device_id from device_tag t join unnest($2::text[], $3::text[]) as w(key, value) using (key, value)
      group by t.device_id having count(*) = $4)
order by d.created_at desc, d.device_id limit $5 offset $6;

-- name: enable_device
update device set enabled = $2, modified_at = $3 where device_id = $1;
