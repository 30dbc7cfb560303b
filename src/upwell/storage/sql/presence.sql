-- Who is connected where.

-- name: came_online
-- Presence of live devices; the newest connection wins.
insert into presence as n (device_id, node_id, connection_id, online_at, address)
select w.device_id, :node_id, w.connection_id, :now, w.address
from unnest(:device_ids::uuid[], :connection_ids::uuid[], :addresses::text[]) as w(device_id, connection_id, address)
join device d using (device_id) where d.deleted_at is null order by w.device_id
on conflict (device_id) do update
set node_id = excluded.node_id, connection_id = excluded.connection_id, online_at = excluded.online_at,
    address = excluded.address
returning n.device_id;

-- name: activate
-- The first connection ever.
update device set activated_at = :now where device_id = any(:device_ids::uuid[]) and activated_at is null;

-- name: tasks_online
-- Open tasks follow their device to its gateway; those that may be pushed become due after a pause, in which
-- the device can ask by itself. A later due time is a retry that waits, and stays.
with t as materialized (
    select device_id, job_id, nth from task
    where device_id = any(:device_ids::uuid[]) and is_open(state)
    order by device_id, job_id, nth for update
)
update task set node_id = :node_id,
    due_at = case when j.need_push and task.state = any(:released::text[])
                  then greatest(coalesce(task.due_at, :due_from), :due_after) else task.due_at end
from t join job j using (job_id)
where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth;

-- name: went_offline
-- Only where the ended connection is still the device's newest; open tasks of those are held by no gateway.
with gone as (
    update presence n set node_id = null, connection_id = null, offline_at = :now
    from unnest(:device_ids::uuid[], :connection_ids::uuid[]) as w(device_id, connection_id)
    where n.device_id = w.device_id and n.connection_id = w.connection_id and n.node_id = :node_id
    returning n.device_id
), t as materialized (
    select device_id, job_id, nth from task
    where device_id in (select device_id from gone) and is_open(state)
    order by device_id, job_id, nth for update
)
update task set node_id = null from t
where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth;
