-- Nodes and their leases.

-- name: keep_lease
insert into node (node_id, lease_until) values (:node_id, clock_timestamp() + make_interval(secs => :lease_s))
on conflict (node_id) do update set lease_until = excluded.lease_until;

-- name: drop_lease
delete from node where node_id = :node_id;

-- name: dead_nodes
-- Nodes that hold devices but no valid lease.
select distinct p.node_id from presence p
where p.node_id is not null
  and not exists (select from node n where n.node_id = p.node_id and n.lease_until > clock_timestamp());

-- name: release_devices
update presence set node_id = null, connection_id = null, offline_at = :now where node_id = any(:node_ids::uuid[]);

-- name: release_tasks
update task set node_id = null where node_id = any(:node_ids::uuid[])
  and is_open(state);

-- name: adopt_tasks
-- Open tasks of devices connected to this node that a race left with another one: they are its own from now.
update task t
set node_id = p.node_id, due_at = case when j.need_push and t.state <> 'CONFIRM' then coalesce(t.due_at, :now) end
from presence p, job j
where p.node_id = :node_id and t.device_id = p.device_id and j.job_id = t.job_id and t.node_id is distinct from p.node_id
  and is_open(t.state);

-- name: forget_nodes
delete from node where lease_until < clock_timestamp() - interval '1 hour';

-- name: unwelcome
-- Of these connections of a node, those that may not stay: their device is deleted or disabled, or is online
-- through another connection or none.
select w.device_id, w.connection_id
from unnest(:device_ids::uuid[], :connection_ids::uuid[]) as w(device_id, connection_id)
where not exists (
    select from presence n join device d using (device_id) join product p using (product_id)
    where n.device_id = w.device_id and n.connection_id = w.connection_id
      and d.enabled and d.deleted_at is null and p.deleted_at is null
);

-- name: asked
-- Devices without a connection made requests: they were here now, for the first time perhaps. One that has a connection
-- besides stays online on it.
with seen as (
    insert into presence as n (device_id, online_at, offline_at, address)
    select w.device_id, :now, :now, w.address
    from unnest(:device_ids::uuid[], :addresses::text[]) as w(device_id, address)
    join device d using (device_id) where d.deleted_at is null order by w.device_id
    on conflict (device_id) do update
    set online_at = excluded.online_at, offline_at = excluded.offline_at, address = excluded.address
    where n.node_id is null
    returning n.device_id
)
update device set activated_at = :now where device_id in (select device_id from seen) and activated_at is null;
