-- Waves of rollouts: dealt once all tasks are made, looked at, opened. Which comes when is domain/rollout.py's to say.

-- name: add_rollout
insert into rollout (job_id, waves, salt, guard, is_named) values (:job_id, :waves, :salt, :guard, :is_named);

-- name: waiting
-- Jobs whose waves are to be dealt or looked at now. The tasks of a dynamic job live on when its policy has ended.
select r.job_id, r.targets is null as is_new from rollout r join job j using (job_id)
where r.next_at <= :now and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED')) and j.materialised
order by r.next_at limit :at_most;

-- name: lock_rollout
-- One that runs, unless another process is at it.
select r.*, j.open_wave, j.paused_at, j.unapproved, j.status, j.product_id from rollout r join job j using (job_id)
where r.job_id = :job_id and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED')) and j.materialised
for update of r skip locked;

-- name: lock_job
-- Before its rollout, by who changes both; one that somebody else has is passed by.
select job_id from job where job_id = :job_id for update skip locked;

-- name: lock_shown
-- A rollout with waves that its owner asks about, whose job he has locked.
select r.*, j.open_wave, j.paused_at, j.unapproved, j.status from rollout r join job j using (job_id)
where r.job_id = :job_id for update of r;

-- name: show_rollout
select r.*, j.open_wave, j.paused_at, j.unapproved, j.status from rollout r join job j using (job_id) where r.job_id = :job_id;

-- name: begin_dealing
-- The caller has the job alone: nobody makes a task meanwhile, and whatever is made afterwards joins the first wave.
update job set open_wave = -1 where job_id = :job_id and open_wave < -1;

-- name: count_of_wave
select coalesce(sum(n), 0)::bigint from job_count where job_id = :job_id and wave = :wave;

-- name: add_waves
insert into job_wave (job_id, wave, size, soak_min)
select :job_id, place, size, soak_min
from unnest(:sizes::int[], :soaks::int[]) with ordinality as w(size, soak_min, place);

-- name: set_targets
update rollout set targets = :targets, dealt = :dealt, named = case when is_named then '{}'::jsonb end where job_id = :job_id;

-- name: next_lots
select lot, device_id, nth from job_lot
where job_id = :job_id and (:below::bigint is null or lot < :below)
  and (:after_lot::bigint is null or (lot, device_id, nth) > (:after_lot::bigint, :after_device::uuid, :after_nth::smallint))
order by lot, device_id, nth limit :at_most;

-- name: tagged
select device_id from device_tag where device_id = any(:device_ids::uuid[]) and key = :key and value = :value;

-- name: called
select device_id from device
where device_id = any(:device_ids::uuid[]) and product_id = :product_id and name = any(:names::text[]);

-- name: look_on
-- So far it is looked who is of a wave that names devices.
update rollout set named = :named, after_lot = :after_lot, after_device = :after_device, after_nth = :after_nth
where job_id = :job_id;

-- name: looked
update rollout set named = null, dealt = :dealt, after_lot = null, after_device = null, after_nth = null where job_id = :job_id;

-- name: add_bands
-- Waves whose lots lie in bands.
insert into job_wave (job_id, wave, size, soak_min, after_lot, after_device, after_nth)
select :job_id, place, size, soak_min, place * :band::bigint, '00000000-0000-0000-0000-000000000000', -1
from unnest(:sizes::int[], :soaks::int[]) with ordinality as w(size, soak_min, place);

-- name: move_lots
-- These lots are of these waves.
update job_lot l set lot = c.lot + c.wave * :band::bigint
from unnest(:device_ids::uuid[], :nths::smallint[], :lots::bigint[], :waves::int[]) as c(device_id, nth, lot, wave)
where l.job_id = :job_id and l.lot = c.lot and l.device_id = c.device_id and l.nth = c.nth;

-- name: lock_members
-- Waits for who holds them. Each is looked up by itself, here and below: what PostgreSQL believes of a job that was filled just
-- now would have it read all of its tasks.
select t.device_id from (
    select * from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth) order by device_id, nth
) c
cross join lateral (
    select t.device_id from task t where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth limit 1 for update
) t;

-- name: deal
-- These locked tasks are of these waves. Returns the moves of the counters.
with v as materialized (
    select t.ctid, c.wave from unnest(:device_ids::uuid[], :nths::smallint[], :waves::smallint[]) as c(device_id, nth, wave)
    cross join lateral (
        select t.ctid from task t
        where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth and t.wave = 32767 limit 1
    ) t
), moved as (
    update task t set wave = v.wave from v
    where t.ctid = v.ctid
    returning t.wave, t.acts, t.state, t.awaiting not in ('', 'online') as asked,
              t.attempt > 0 and t.awaiting in ('', 'online') as again, t.reason = 'device_deleted' as gone,
              t.outcome
)
select :job_id::bigint as job_id, 32767::smallint as wave, acts, state, asked, again, gone, outcome, -count(*) as n
from moved group by acts, state, asked, again, gone, outcome
union all
select :job_id, wave, acts, state, asked, again, gone, outcome, count(*)
from moved group by wave, acts, state, asked, again, gone, outcome;

-- name: begins_after
-- The first device of this wave comes behind that lot.
update job_wave set after_lot = :after_lot, after_device = :after_device, after_nth = :after_nth
where job_id = :job_id and wave = :wave;

-- name: advance_dealing
update rollout set dealt = :dealt, after_lot = :after_lot, after_device = :after_device, after_nth = :after_nth
where job_id = :job_id;

-- name: seen_by_wave
-- How many devices of each wave stand where, and what came of their offers; those that a halt covers are cancelled.
select c.wave, case when h.nth is null then c.state else 'CANCELED' end as state, c.outcome, sum(c.n)::bigint as n
from job_count c left join lateral halt_of(c.job_id, c.acts, c.state) h on true
where c.job_id = :job_id and c.wave between 1 and 32766 group by 1, 2, 3;

-- name: wave
-- With how far its lots go; those of the last one that has any, to the end.
select w.wave, w.size, w.soak_min, w.after_lot, w.after_device, w.after_nth, w.opened_at, w.ready_at,
       n.after_lot as to_lot, n.after_device as to_device, n.after_nth as to_nth,
       (select max(l.wave) from job_wave l where l.job_id = w.job_id) as last
from job_wave w
left join lateral (select n.* from job_wave n where n.job_id = w.job_id and n.wave > w.wave and n.size > 0
                   order by n.wave limit 1) n on true
where w.job_id = :job_id and w.wave = :wave;

-- name: members
-- Some devices of the open wave in the order of their lots: whether an offer of theirs is to be made due, and whether one is
-- still to be reached: it was offered nothing, is not connected, and was not since the wave opened.
with m as materialized (
    select l.lot, l.device_id, l.nth from job_lot l
    where l.job_id = :job_id
      and (:after_lot::bigint is null or (l.lot, l.device_id, l.nth) > (:after_lot::bigint, :after_device::uuid, :after_nth::smallint))
      and (:to_lot::bigint is null or (l.lot, l.device_id, l.nth) <= (:to_lot::bigint, :to_device::uuid, :to_nth::smallint))
    order by l.lot, l.device_id, l.nth limit :at_most
)
select m.lot, m.device_id, m.nth,
       coalesce(is_open(t.state) and t.offered_at is null and pr.node_id is null
                and coalesce(greatest(pr.online_at, pr.offline_at) < :opened_at, true), false) as is_unreached,
       coalesce(t.state = 'QUEUED' and t.offered_on is null and t.due_at is null and t.node_id is not null
                and t.awaiting in ('', 'online', 'offer'), false) as is_to_be_due
from m
left join lateral (select t.* from task t where t.device_id = m.device_id and t.job_id = :job_id and t.nth = m.nth limit 1) t on true
left join lateral (select p.* from presence p where p.device_id = m.device_id limit 1) pr on true
order by m.lot, m.device_id, m.nth;

-- name: make_due
-- These locked tasks, whose wave has opened, as far as that is still so.
with v as materialized (
    select t.ctid from unnest(:device_ids::uuid[], :nths::smallint[]) as c(device_id, nth)
    cross join lateral (
        select t.ctid from task t
        where t.device_id = c.device_id and t.job_id = :job_id and t.nth = c.nth and t.state = 'QUEUED'
          and t.offered_on is null and t.due_at is null and t.node_id is not null limit 1
    ) t
)
update task t set due_at = :now from v where t.ctid = v.ctid;

-- name: advance_pass
update rollout set after_lot = :after_lot, after_device = :after_device, after_nth = :after_nth, counting = :counting,
                   next_at = :next_at
where job_id = :job_id;

-- name: end_pass
update rollout set after_lot = null, after_device = null, after_nth = null, counting = 0, unreached = :unreached,
                   passes = passes + 1, pass_at = :pass_at, next_at = :next_at
where job_id = :job_id;

-- name: look_later
update rollout set heard = :heard, pause_s = :pause_s, next_at = :next_at, lacks = :lacks,
                   still_at = case when heard = :heard and lacks = :lacks then coalesce(still_at, :now) else :now end
where job_id = :job_id;

-- name: rest
-- Its last wave is open and has been gone through, or nothing of it is left: nobody looks at it any more.
update rollout set next_at = 'infinity', lacks = '' where job_id = :job_id;

-- name: set_ready
update job_wave set ready_at = :ready_at where job_id = :job_id and wave = :wave and ready_at is distinct from :ready_at::timestamptz;

-- name: skip_soak
update job_wave set soak_min = 0 where job_id = :job_id and wave = :wave;

-- name: open
-- The next wave of a job that the caller has locked and alone, unless it is paused, halted or not approved, has ended, or has another open by now.
update job j set open_wave = :wave, let_on_at = :now, modified_at = :now
where j.job_id = :job_id and j.open_wave = :former and j.paused_at is null and not j.unapproved
  and not exists (select from budget b where b.job_id = j.job_id and b.halted_at is not null)
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
returning j.job_id;

-- name: opened
-- It is gone through from its first device.
with w as (
    update job_wave set opened_at = :now, opened_by = :by where job_id = :job_id and wave = :wave
)
update rollout set after_lot = null, after_device = null, after_nth = null, passes = 0, counting = 0, unreached = null,
                   heard = 0, pause_s = 1, pass_at = :now, next_at = :now, lacks = '', still_at = null
where job_id = :job_id;

-- name: decide
-- The caller has the job's row locked, so that decisions are in order.
insert into decision (job_id, nth, at, what, wave, by, result, reason, numbers)
select :job_id, coalesce(max(nth), 0) + 1, :now, :what, :wave, :by, :result, :reason, :numbers
from decision where job_id = :job_id;

-- name: decisions
-- Newest first.
select nth, at, what, wave, by, result, reason, numbers from decision
where job_id = :job_id and (:below::bigint is null or nth < :below) order by nth desc limit :take offset :skip;

-- name: waves_of
-- Of these jobs the waves that were dealt.
select job_id, wave, size, soak_min, opened_at, opened_by, ready_at from job_wave
where job_id = any(:job_ids::bigint[]) order by job_id, wave;
