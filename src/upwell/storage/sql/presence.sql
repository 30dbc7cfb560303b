-- Who is connected where. Nothing here waits for what others hold.

-- name: held
-- Those of these devices of which something is to be written that others hold. The rest is locked: devices that come for the
-- first time, then who is where.
with wanted as (
    select d.device_id, d.activated_at is null as is_new from device d
    where d.device_id = any(:device_ids::uuid[]) and d.deleted_at is null
), mine as materialized (
    select d.device_id from device d where d.device_id in (select device_id from wanted where is_new)
    order by d.device_id for no key update skip locked
), seen as materialized (
    select n.device_id from presence n where n.device_id = any(:device_ids::uuid[]) order by n.device_id
    for no key update skip locked
)
select w.device_id from wanted w where w.is_new and not exists (select from mine m where m.device_id = w.device_id)
union
select n.device_id from presence n
where n.device_id = any(:device_ids::uuid[]) and not exists (select from seen s where s.device_id = n.device_id);

-- name: came_online
-- Presence of live devices; the newest connection wins, and another node that held one is told to end it.
with came as (
    insert into presence as n (device_id, node_id, connection_id, online_at, address, vendor)
    select w.device_id, :node_id, w.connection_id, :now, w.address, nullif(w.vendor, '')
    from unnest(:device_ids::uuid[], :connection_ids::uuid[], :addresses::text[], :vendors::text[])
         as w(device_id, connection_id, address, vendor)
    join device d using (device_id) where d.deleted_at is null order by w.device_id
    on conflict (device_id) do update
    set node_id = excluded.node_id, connection_id = excluded.connection_id, online_at = excluded.online_at,
        address = excluded.address, vendor = coalesce(excluded.vendor, n.vendor), former_node = n.node_id, former_connection = n.connection_id
    returning n.device_id, n.former_node, n.former_connection
), told as (
    insert into shut_out (node_id, device_id, connection_id)
    select former_node, device_id, former_connection from came where former_node <> :node_id
)
select device_id, former_node is null as was_away from came;

-- name: activate
-- The first connection ever.
update device set activated_at = :now where device_id = any(:device_ids::uuid[]) and activated_at is null
returning product_id, device_id;

-- name: went_offline
-- Only where the ended connection is still the device's newest.
update presence n set node_id = null, connection_id = null, offline_at = :now
from unnest(:device_ids::uuid[], :connection_ids::uuid[]) as w(device_id, connection_id)
where n.device_id = w.device_id and n.connection_id = w.connection_id and n.node_id = :node_id
returning n.device_id;

-- name: tasks_online
-- Open tasks follow their device to the gateway of its connection; those that may be pushed become due after a pause, in
-- which the device can ask by itself. A later due time is a retry that waits, and stays. The devices whose tasks others
-- hold come back.
with placed as (
    select n.device_id, n.node_id
    from unnest(:device_ids::uuid[], :connection_ids::uuid[]) as w(device_id, connection_id)
    join presence n on n.device_id = w.device_id and n.connection_id = w.connection_id
), t as materialized (
    select device_id, job_id, nth from task
    where device_id in (select device_id from placed) and is_open(state)
    order by device_id, job_id, nth for update skip locked
), moved as (
    update task set node_id = p.node_id,
        due_at = case when j.need_push and task.state = any(:released::text[]) and task.wave <= greatest(j.open_wave, 1)
                      then greatest(coalesce(task.due_at, :due_from), :due_after) else task.due_at end
    from t join job j using (job_id) join placed p using (device_id)
    where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth
)
select distinct o.device_id from task o
where o.device_id in (select device_id from placed) and is_open(o.state)
  and not exists (select from t where t.device_id = o.device_id and t.job_id = o.job_id and t.nth = o.nth);

-- name: tasks_offline
-- Open tasks of these devices, where they are online nowhere, are held by no gateway. The devices whose tasks others hold come
-- back.
with gone as (
    select device_id from presence where device_id = any(:device_ids::uuid[]) and node_id is null
), t as materialized (
    select device_id, job_id, nth from task
    where device_id in (select device_id from gone) and is_open(state) and node_id is not null
    order by device_id, job_id, nth for update skip locked
), moved as (
    update task set node_id = null from t
    where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth
)
select distinct o.device_id from task o
where o.device_id in (select device_id from gone) and is_open(o.state) and o.node_id is not null
  and not exists (select from t where t.device_id = o.device_id and t.job_id = o.job_id and t.nth = o.nth);

-- name: asked
-- Devices without a connection made requests: they were here now, for the first time perhaps. One that has a connection
-- besides stays online on it.
with seen as (
    insert into presence as n (device_id, online_at, offline_at, address, vendor)
    select w.device_id, :now, :now, w.address, nullif(w.vendor, '')
    from unnest(:device_ids::uuid[], :addresses::text[], :vendors::text[]) as w(device_id, address, vendor)
    join device d using (device_id) where d.deleted_at is null order by w.device_id
    on conflict (device_id) do update
    set online_at = excluded.online_at, offline_at = excluded.offline_at, address = excluded.address,
        vendor = coalesce(excluded.vendor, n.vendor)
    where n.node_id is null
    returning n.device_id
)
update device set activated_at = :now where device_id in (select device_id from seen) and activated_at is null
returning product_id, device_id;
