-- Nodes and their leases.

-- name: keep_lease
insert into node (node_id, lease_until) values ($1, clock_timestamp() + make_interval(secs => $2))
on conflict (node_id) do update set lease_until = excluded.lease_until;

-- name: drop_lease
delete from node where node_id = $1;

-- name: dead_nodes
-- Nodes that hold devices but no valid lease.
select distinct p.node_id from presence p
where p.node_id is not null
  and not exists (select from node n where n.node_id = p.node_id and n.lease_until > clock_timestamp());

-- name: release_devices
update presence set node_id = null, connection_id = null, offline_at = $2 where node_id = any($1::uuid[]);

-- name: release_tasks
update task set node_id = null where node_id = any($1::uuid[])
  and is_open(state);

-- name: adopt_tasks
-- Open tasks of devices connected to this node that a race left with another one: they are its own from now.
update task t
set node_id = p.node_id, due_at = case when j.need_push and t.state <> 'CONFIRM' then coalesce(t.due_at, $2) end
from presence p, job j
where p.node_id = $1 and t.device_id = p.device_id and j.job_id = t.job_id and t.node_id is distinct from p.node_id
  and is_open(t.state);

-- name: forget_nodes
delete from node where lease_until < clock_timestamp() - interval '1 hour';

-- name: unwelcome
-- Of these connections of a node, those that may not stay: their device is deleted or disabled, or is online
-- through another connection or none.
select w.device_id, w.connection_id
from unnest($1::uuid[], $2::uuid[]) as w(device_id, connection_id)
where not exists (
    select from presence n join device d using (device_id) join product p using (product_id)
    where n.device_id = w.device_id and n.connection_id = w.connection_id
      and d.enabled and d.deleted_at is null and p.deleted_at is null
);
