-- Nodes and their leases, and the clock that all of them have.

-- name: moment
select clock_timestamp();

-- name: keep_lease
-- The node is alive so long; what PostgreSQL's clock says, and whether its former lease still held. Who releases a dead
-- node's devices has its row locked (see lock_dead), so that this is known for certain.
with former as (
    select lease_until > clock_timestamp() as held from node where node_id = :node_id for update
)
insert into node (node_id, lease_until, program, knows, sealed_by, opens)
select :node_id, clock_timestamp() + make_interval(secs => :lease_s), :program, :knows, :sealed_by::text, :opens::text[]
from (select count(*) from former) looked_first
on conflict (node_id) do update
set lease_until = clock_timestamp() + make_interval(secs => :lease_s), sealed_by = :sealed_by::text, opens = :opens::text[]
returning clock_timestamp() as now, coalesce((select held from former), false) as held;

-- name: end_lease
update node set lease_until = clock_timestamp() where node_id = :node_id;

-- name: dead_nodes
-- Nodes whose lease ended and that hold devices still, or tasks that may be due.
select n.node_id from node n where n.lease_until <= clock_timestamp()
  and (exists (select from presence p where p.node_id = n.node_id)
       or exists (select from task t where t.node_id = n.node_id and t.due_at is not null and is_open(t.state)));

-- name: lock_dead
-- The node, if it is dead still and nobody else releases its devices now: it can't renew its lease meanwhile.
select node_id from node where node_id = :node_id and lease_until <= clock_timestamp() for update skip locked;

-- name: release_devices
-- Some devices of a dead node, but none that another transaction holds: offline, and their open tasks held by no node.
with held as materialized (
    select device_id from presence where node_id = :node_id limit :at_most for update skip locked
), gone as (
    update presence set node_id = null, connection_id = null, offline_at = :now
    where device_id in (select device_id from held)
), t as materialized (
    select device_id, job_id, nth from task
    where device_id in (select device_id from held) and is_open(state) and node_id = :node_id
    order by device_id, job_id, nth for update skip locked
), released as (
    update task set node_id = null from t
    where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth
)
select device_id from held;

-- name: stray_tasks
-- The devices of some tasks that a node holds and that may be due.
select distinct device_id from (
    select device_id from task where node_id = :node_id and due_at is not null and is_open(state)
    limit :at_most for update skip locked
) t;

-- name: forget_nodes
-- Nodes that are dead for so long that no process of theirs can come back, and that hold nothing.
with gone as (
    delete from node n where n.lease_until < clock_timestamp() - make_interval(secs => :kept_s)
      and not exists (select from presence p where p.node_id = n.node_id)
      and not exists (select from task t where t.node_id = n.node_id and t.due_at is not null)
    returning n.node_id
)
delete from shut_out where node_id in (select node_id from gone);

-- name: moved
-- Those of these devices that came or went after that.
select device_id from presence
where device_id = any(:device_ids::uuid[]) and (online_at >= :since or offline_at >= :since);

-- name: follow
-- Open tasks of these devices that another node holds than their device: they follow it, and those that may be pushed
-- are due where they come to a node. What another transaction holds is passed by.
with near as materialized (
    select w.device_id, p.node_id
    from unnest(:device_ids::uuid[]) as w(device_id) left join presence p using (device_id)
), t as materialized (
    select task.device_id, task.job_id, task.nth, near.node_id
    from near join task using (device_id)
    where is_open(task.state) and task.node_id is distinct from near.node_id
    order by task.device_id, task.job_id, task.nth for update of task skip locked
)
update task
set node_id = t.node_id,
    due_at = case when t.node_id is not null and j.need_push and task.state = any(:released::text[])
                       and task.wave <= greatest(j.open_wave, 1)
                  then coalesce(task.due_at, :now) else task.due_at end
from t join job j using (job_id)
where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth
returning task.device_id;

-- name: take_shut_out
-- Some of those that this node must send away, told once.
delete from shut_out where ctid = any(array(select ctid from shut_out where node_id = :node_id limit :at_most))
returning device_id, connection_id;

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
