-- Gateways and the sub-devices they speak for. A sub-device has at most one gateway: the primary key of topology.

-- name: lock_gateway
-- One change of a gateway's topology at a time, so that its size can be limited.
select device_id from device where device_id = :gateway_id and deleted_at is null for no key update;

-- name: size_without
-- Sub-devices of a gateway besides these.
select count(*) from topology where gateway_id = :gateway_id and device_id <> all(:device_ids::uuid[]);

-- name: bind
insert into topology as t (device_id, gateway_id, added_at)
select device_id, :gateway_id, :now from unnest(:device_ids::uuid[]) as w(device_id) order by device_id
on conflict (device_id) do update set gateway_id = excluded.gateway_id, added_at = excluded.added_at
where t.gateway_id <> excluded.gateway_id;

-- name: unbind
delete from topology where gateway_id = :gateway_id and device_id = any(:device_ids::uuid[]) returning device_id;

-- name: release
-- These are online through their gateway no more; whoever holds that connection is told.
with held as (
    select n.device_id, n.node_id, n.connection_id from presence n join presence g using (connection_id)
    where n.device_id = any(:device_ids::uuid[]) and g.device_id = :gateway_id order by n.device_id for update of n
), told as (
    insert into shut_out (node_id, device_id, connection_id)
    select node_id, device_id, connection_id from held where node_id is not null
), gone as (
    update presence set node_id = null, connection_id = null, offline_at = :now
    where device_id in (select device_id from held) returning device_id
)
update task set node_id = null
where device_id in (select device_id from gone) and is_open(state);

-- name: former_gateways
select device_id, gateway_id from topology where device_id = any(:device_ids::uuid[]) and gateway_id <> :gateway_id for update;

-- name: sub_devices
select p.product_key, d.name, coalesce(d.public_id, p.product_key || '_' || d.name) as public_id
from topology t join device d using (device_id) join product p using (product_id)
where t.gateway_id = :gateway_id and d.deleted_at is null and p.deleted_at is null
order by t.added_at, d.device_id;

-- name: behind
-- Live devices right behind each of these gateways or behind one of those, oldest first and :at_most of each at most.
with near as (
    select t.gateway_id, t.device_id, t.added_at from topology t where t.gateway_id = any(:gateway_ids::uuid[])
), found as (
    select gateway_id, device_id, added_at from near
    union all
    select n.gateway_id, t.device_id, t.added_at from near n join topology t on t.gateway_id = n.device_id
    where t.device_id <> n.gateway_id
), placed as (
    select f.gateway_id, p.product_key, d.name, coalesce(d.public_id, p.product_key || '_' || d.name) as public_id,
           row_number() over (partition by f.gateway_id order by f.added_at, d.device_id) as place
    from found f join device d using (device_id) join product p using (product_id)
    where d.enabled and d.deleted_at is null and p.deleted_at is null
)
select gateway_id, product_key, name, public_id from placed where place <= :at_most order by gateway_id, place;
