-- Tasks made in small chunks, places in long lists, and a fleet that is counted as it changes.

alter table job
    add walk         smallint not null default 0,  -- walks that are done of those before its tasks are made
    add walk_after   uuid,                         -- how far the present one is
    add gray_counted int not null default 0,       -- GRAY: devices that were found to choose from
    add gray_left    int,                          -- GRAY: how many more of them it takes; null: not known yet
    add made         int not null default 0;       -- tasks that were made by id; below 0: in no order
update job set walk = 32767, made = -1 where not materialised and cursor_device is not null;  -- it is under way

create table job_missed (                  -- devices that others held when their turn was: they come again
    device_id uuid not null,
    job_id    bigint not null,
    primary key (device_id, job_id)
);
create index missed_of_job on job_missed (job_id, device_id);

create table job_mark (                    -- places in the list of a job's tasks, by device: how many are before one
    job_id    bigint not null,
    device_id uuid not null,
    place     int not null,
    primary key (job_id, device_id)
);
create index mark_by_place on job_mark (job_id, place desc);

drop index stray_of_job;
create index stray_of_job on job_stray (job_id, device_id);

-- The whole history of tasks. That one was made is told by the task itself; its birth has a line of its own only where it
-- ended it.
create view task_history as
select t.device_id, t.job_id, t.nth, 0 as rev, t.created_at as at, 'created' as event, null::text as from_state,
       coalesce((select h.from_state from task_change h
                 where h.device_id = t.device_id and h.job_id = t.job_id and h.nth = t.nth and h.rev > 0
                 order by h.rev limit 1), t.state) as to_state, '' as detail
from task t
where not exists (select from task_change h
                  where h.device_id = t.device_id and h.job_id = t.job_id and h.nth = t.nth and h.rev = 0)
union all
select device_id, job_id, nth, rev, at, event, from_state, to_state, detail from task_change;

-- The live devices of a product, counted as they change, in rows that one database connection writes each (see job_count).
create table fleet_count (
    product_id bigint not null,
    lane       int not null,
    devices    bigint not null,
    active     bigint not null,            -- that were online once
    online     bigint not null,            -- that are connected and enabled
    primary key (product_id, lane)
) with (fillfactor = 40, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
create index fleet_count_apart on fleet_count (product_id) where lane <> 0;

alter table presence
    add counted_in  bigint,                -- the product among whose online devices this one is counted; null: none's
    add counted_was bigint;                -- and among whose it was before
-- Where a node was killed many rows are written: an index that is made after that costs less than one that is kept up.
drop index presence_of_node;
alter table presence drop constraint presence_pkey;
update presence n set counted_in = d.product_id from device d
where d.device_id = n.device_id and n.node_id is not null and d.enabled and d.deleted_at is null;
alter table presence add constraint presence_pkey primary key (device_id);
create index presence_of_node on presence (node_id) where node_id is not null;
insert into fleet_count (product_id, lane, devices, active, online)
select d.product_id, 0, count(*), count(d.activated_at), count(n.counted_in)
from device d left join presence n using (device_id) where d.deleted_at is null group by d.product_id;
