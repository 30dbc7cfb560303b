-- Devices. A row with deleted_at is a tombstone and is seen by nobody.

-- name: show_devices
-- Views of an account's live devices, in the order of the given ids; the others are left out. A version that is not
-- known is shown empty, which no version is; one that was never said is not shown.
select d.device_id, p.product_key, p.name as product_name, p.facts as product_facts, d.name, d.secret, d.iot_id,
       d.nickname, d.created_at, d.modified_at, d.activated_at, n.online_at, n.offline_at, n.address,
       greatest(h.at, n.online_at) as last_heard_at,
       device_status(d.enabled, n.node_id, d.activated_at) as status,
       coalesce(d.public_id, p.product_key || '_' || d.name) as public_id,
       (select coalesce(g.public_id, gp.product_key || '_' || g.name)
        from topology y join device g on g.device_id = y.gateway_id join product gp on gp.product_id = g.product_id
        where y.device_id = d.device_id) as gateway_id,
       d.description, d.secondary_secret, d.sdk_version, d.facts, greatest(n.online_at, n.offline_at) as status_at,
       (select coalesce(v.version, '') from module_version v
        where v.device_id = d.device_id and v.module = 'default') as firmware_version,
       (select jsonb_object_agg(coalesce(m.name, v.said, v.module), coalesce(v.version, ''))
        from module_version v left join module m on m.product_id = d.product_id and lower(m.name) = v.module
        where v.device_id = d.device_id) as versions,
       (select jsonb_agg(jsonb_build_array(t.key, t.value) order by t.key)
        from device_tag t where t.device_id = d.device_id) as tags,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at, b.since as aside_since, b.until_at as aside_until, b.failures as aside_failures,
       b.job_id as aside_job, b.reason as aside_reason
from unnest(:device_ids::uuid[]) with ordinality as w(device_id, place)
join device d using (device_id) join product p using (product_id) join space s using (space_id)
left join presence n using (device_id) left join heard h using (device_id)
left join setback b on b.device_id = d.device_id and b.until_at > :now
where p.account_id = :account_id and d.deleted_at is null and p.deleted_at is null
order by w.place;

-- name: lock_devices
-- Live devices of the account among these, locked in one order so that no two askers wait for each other.
select d.device_id, d.iot_id from device d join product p using (product_id)
where p.account_id = :account_id and p.deleted_at is null and d.deleted_at is null
  and d.device_id = any(:device_ids::uuid[])
order by d.device_id for no key update of d;

-- name: devices_by_public_id
-- Live devices of an account under their public ids, chosen ones first; `implied` are those that stand for one which was
-- not chosen, and `implied_ids` the devices they would lead to. Each is looked up by itself: many of them would have the fleet
-- read for as long as it is small.
select w.public_id, d.device_id
from unnest(:public_ids::text[]) as w(public_id) cross join lateral (
    select device_id, product_id from device where public_id = w.public_id and deleted_at is null offset 0
) d join product p using (product_id)
where p.account_id = :account_id and p.deleted_at is null
union all
select w.public_id, w.device_id
from unnest(:implied::text[], :implied_ids::uuid[]) as w(public_id, device_id) cross join lateral (
    select product_id from device where device_id = w.device_id and deleted_at is null and public_id is null offset 0
) d join product p using (product_id)
where p.account_id = :account_id and p.deleted_at is null;

-- name: dress_device
-- What a device just made has beyond any other.
update device set public_id = :public_id, description = :description, facts = :facts::jsonb
where device_id = :device_id;

-- name: lock_public_id
-- Two devices of one account that are given the same id are made one after the other.
select pg_advisory_xact_lock(hashtextextended(:account_id::bigint || ' ' || :public_id::text, 7386022));

-- name: public_id_taken
-- Whether another device of the account lives that has this id, or lives without a chosen one, so that this id stands for it.
select exists (select from device d join product p using (product_id)
               where d.public_id = :public_id and d.device_id <> :device_id and p.account_id = :account_id
                 and d.deleted_at is null and p.deleted_at is null)
    or exists (select from device d join product p using (product_id)
               where d.device_id = any(:implied_ids::uuid[]) and d.device_id <> :device_id and p.account_id = :account_id
                 and d.public_id is null and d.deleted_at is null and p.deleted_at is null);

-- name: gateways_above
-- How many devices a device is behind, one behind the other.
with recursive up as (
    select gateway_id, 1 as level from topology where device_id = :device_id
    union all
    select t.gateway_id, up.level + 1 from up join topology t on t.device_id = up.gateway_id where up.level < :most
)
select coalesce(max(level), 0) from up;

-- name: count_behind
select count(*) from topology where gateway_id = :gateway_id;

-- name: put_behind
insert into topology (device_id, gateway_id, added_at) select w.device_id, :gateway_id, :now
from unnest(:device_ids::uuid[]) as w(device_id)
on conflict (device_id) do update set gateway_id = excluded.gateway_id, added_at = excluded.added_at;

-- name: has_sub_devices
select exists (select from topology t join device d using (device_id)
               where t.gateway_id = :device_id and d.deleted_at is null);

-- name: update_devices
-- What is null stays as it is; facts are merged over the present ones. Whoever holds the connection of a device that is
-- disabled is told.
with told as (
    insert into shut_out (node_id, device_id, connection_id)
    select n.node_id, n.device_id, n.connection_id
    from unnest(:device_ids::uuid[], :enabled::boolean[]) as w(device_id, enabled) join presence n using (device_id)
    where not w.enabled and n.node_id is not null
)
update device d
set nickname = coalesce(w.nickname, d.nickname), description = coalesce(w.description, d.description),
    enabled = coalesce(w.enabled, d.enabled), facts = d.facts || w.facts::jsonb, modified_at = :now
from unnest(:device_ids::uuid[], :nicknames::text[], :descriptions::text[], :enabled::boolean[], :facts::text[])
    as w(device_id, nickname, description, enabled, facts)
where d.device_id = w.device_id;

-- name: reset_secret
update device set secret = :secret, modified_at = :now where device_id = :device_id;

-- name: reset_secondary
update device set secondary_secret = :secret, modified_at = :now where device_id = :device_id;

-- name: let_go
-- The device is online no more; whoever holds its connection is told.
with held as (
    select device_id, node_id, connection_id from presence
    where device_id = :device_id and node_id is not null for update
), told as (
    insert into shut_out (node_id, device_id, connection_id) select node_id, device_id, connection_id from held
), gone as (
    update presence set node_id = null, connection_id = null, offline_at = :now
    where device_id in (select device_id from held) returning device_id
)
update task set node_id = null
where device_id in (select device_id from gone) and is_open(state);
