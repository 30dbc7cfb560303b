-- Whom a node must send away, told by whoever brought that about: deleted, disabled, or online elsewhere. The node that
-- is told takes its rows away; those of a dead one go with it. No row is looked for but by its node, and two that say the
-- same do no harm, so there is no key.
create table shut_out (
    node_id uuid not null,
    device_id uuid not null,
    connection_id uuid not null
);
create index shut_out_of_node on shut_out (node_id);

-- Where the device was connected before: who comes online elsewhere tells that node.
alter table presence add column former_node uuid, add column former_connection uuid;

-- Dead nodes are found in `node` alone: who holds something has a row there.
insert into node (node_id, lease_until)
select node_id, 'epoch'::timestamptz from presence where node_id is not null
union
select node_id, 'epoch'::timestamptz from task where due_at is not null and node_id is not null
on conflict (node_id) do nothing;
