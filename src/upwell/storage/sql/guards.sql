-- Guards of rollouts: offers numbered, failures kept by their numbers. What they show is domain/guard.py's to say.

-- name: guard
insert into budget (job_id, is_guarded) values (:job_id, true) on conflict (job_id) do update set is_guarded = true;

-- name: hold
-- Nobody else numbers offers of these jobs, or judges their failures, until the transaction ends.
select job_id, epoch, offered, strata, halted_at from budget
where job_id = any(:job_ids::bigint[]) and is_guarded order by job_id for no key update;

-- name: unnumbered
-- Of these tasks those whose devices are offered the job for the first time, with the stratum that they are of, or, numbered
-- already, the next step (domain/stepping.py), after which no verdict was due.
select c.device_id, c.job_id, coalesce(s.stratum, 0) as stratum, o.device_id is not null as is_numbered
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) with ordinality as c(device_id, job_id, nth, place)
cross join lateral (
    select t.module, t.source_version from task t
    where t.device_id = c.device_id and t.job_id = c.job_id and t.nth = c.nth limit 1
) t
left join job_offer o on o.device_id = c.device_id and o.job_id = c.job_id
left join presence pr on pr.device_id = c.device_id
left join job_stratum s on s.job_id = c.job_id and s.vendor = coalesce(pr.vendor, '') and s.module = t.module
                       and s.source_version = coalesce(t.source_version, '')
where o.device_id is null or (o.verdict = '' and o.verdict_by is null and o.number > 0) order by c.place;

-- name: expect
-- A verdict of these devices is due anew.
update job_offer o set verdict_by = :now::timestamptz + make_interval(mins => (r.guard ->> 'verdict_min')::int)
from unnest(:device_ids::uuid[], :job_ids::bigint[]) as n(device_id, job_id) join rollout r using (job_id)
where o.device_id = n.device_id and o.job_id = n.job_id and o.verdict = '';

-- name: expect_none
-- No verdict of these devices is due before their next offer.
update job_offer o set verdict_by = null from unnest(:device_ids::uuid[], :job_ids::bigint[]) as n(device_id, job_id)
where o.device_id = n.device_id and o.job_id = n.job_id and o.verdict = '';

-- name: number
insert into job_offer (device_id, job_id, epoch, number, stratum, place, verdict_by)
select n.device_id, n.job_id, n.epoch, n.number, n.stratum, n.place,
       :now::timestamptz + make_interval(mins => (r.guard ->> 'verdict_min')::int)
from unnest(:device_ids::uuid[], :job_ids::bigint[], :epochs::smallint[], :numbers::int[], :strata::smallint[], :places::int[])
     as n(device_id, job_id, epoch, number, stratum, place)
join rollout r using (job_id);

-- name: count
update budget set offered = :offered, strata = :strata where job_id = :job_id;

-- name: add_strata
-- Those of the tasks that a job's filling made for these devices that are not known yet, the most first, while there is room.
with fresh as (
    select coalesce(pr.vendor, '') as vendor, t.module, coalesce(t.source_version, '') as source_version, count(*) as n
    from unnest(:device_ids::uuid[]) as w(device_id)
    cross join lateral (select t.module, t.source_version from task t
                        where t.device_id = w.device_id and t.job_id = :job_id order by t.nth limit 1) t
    left join presence pr on pr.device_id = w.device_id
    group by 1, 2, 3
)
insert into job_stratum (job_id, stratum, vendor, module, source_version)
select :job_id, k.known + row_number() over (order by f.n desc, f.vendor, f.source_version), f.vendor, f.module, f.source_version
from fresh f cross join (select count(*) as known from job_stratum where job_id = :job_id) k
where not exists (select from job_stratum s where s.job_id = :job_id and s.vendor = f.vendor and s.module = f.module
                  and s.source_version = f.source_version)
order by f.n desc, f.vendor, f.source_version
limit greatest(0, :most::int - (select count(*) from job_stratum where job_id = :job_id));

-- name: give_verdicts
-- Of these devices' first offers those that had none, or a provisional one of which something else is known now.
with w as materialized (
    select o.device_id, o.job_id, c.verdict, o.verdict as former
    from unnest(:device_ids::uuid[], :job_ids::bigint[], :verdicts::text[]) as c(device_id, job_id, verdict)
    cross join lateral (
        select * from job_offer o where o.device_id = c.device_id and o.job_id = c.job_id limit 1 for no key update
    ) o
    where o.verdict = '' or (o.verdict = any(:provisional::text[]) and c.verdict not in ('silent', o.verdict))
)
update job_offer o set verdict = w.verdict, verdict_by = null from w
where o.device_id = w.device_id and o.job_id = w.job_id
returning o.job_id, o.epoch, o.number, o.stratum, o.place, o.verdict, w.former;

-- name: already_there
-- These devices came to the version without an offer. They have no number, and no test counts them.
insert into job_offer (device_id, job_id, epoch, number, stratum, place, verdict)
select device_id, job_id, 0, 0, 0, 0, 'already_there'
from unnest(:device_ids::uuid[], :job_ids::bigint[]) as c(device_id, job_id)
on conflict (device_id, job_id) do nothing;

-- name: guard_of
select r.guard, (select count(*) from job_stratum s where s.job_id = r.job_id)::int as strata
from rollout r where r.job_id = :job_id and r.guard is not null;

-- name: numbers_of
select stretch, numbers from job_stretch
where job_id = :job_id and epoch = :epoch and stratum = :stratum and stretch = any(:stretches::int[]);

-- name: keep_stretch
insert into job_stretch (job_id, epoch, stratum, stretch, numbers, peaks)
values (:job_id, :epoch, :stratum, :stretch, :numbers, :peaks)
on conflict (job_id, epoch, stratum, stretch) do update set numbers = excluded.numbers, peaks = excluded.peaks;

-- name: stretches
select cardinality(numbers) as failed, peaks from job_stretch
where job_id = :job_id and epoch = :epoch and stratum = :stratum order by stretch;

-- name: strata
select stratum, vendor, module, source_version from job_stratum where job_id = :job_id order by stratum;

-- name: commonest
-- With the code that the device told, where it did.
select reason || coalesce(', code ' || code, '') as reason, sum(n)::bigint as n
from failure_count where job_id = :job_id and reason <> ''
group by reason, code having sum(n) > 0 order by 2 desc, 1 limit :most;

-- name: trip
update budget set halted_at = :now, halt = :halt, is_told = false where job_id = :job_id and halted_at is null;

-- name: tripped
select job_id from budget where halted_at is not null and not is_told order by job_id limit :at_most;

-- name: untold
-- The caller has the job's row.
select b.halted_at, b.halt, r.guard, j.status, j.kind, j.open_wave
from budget b join rollout r using (job_id) join job j using (job_id)
where b.job_id = :job_id and b.halted_at is not null and not b.is_told for no key update of b;

-- name: told
update budget set is_told = true where job_id = :job_id;

-- name: renew
-- What was shown before is kept, and judged no more: a new score begins.
update budget set halted_at = null, halt = null, is_told = false, epoch = epoch + 1, offered = 0, strata = '{}'
where job_id = :job_id and is_guarded and halted_at is not null;

-- name: jobs_unheard
-- The jobs of whose offers some have had their time for a verdict, one look-up for each that has offers without one.
with recursive unheard as (
    (select job_id from job_offer where verdict_by is not null order by job_id limit 1)
    union all
    select (select o.job_id from job_offer o where o.verdict_by is not null and o.job_id > u.job_id order by o.job_id limit 1)
    from unheard u where u.job_id is not null
)
select job_id from unheard u
where exists (select from job_offer o where o.job_id = u.job_id and o.verdict_by <= :now)
order by job_id limit :at_most;

-- name: unheard
-- Some offers of a job whose time for a verdict is over, and where their tasks stand.
select o.device_id, t.state
from (select o.device_id from job_offer o where o.job_id = :job_id and o.verdict_by <= :now order by o.verdict_by limit :at_most) o
left join lateral (select t.state from task t where t.device_id = o.device_id and t.job_id = :job_id
                   order by t.nth desc limit 1) t on true;

-- name: fall_silent
-- The open tasks of these devices that nobody else has are silent from now on. Returns where they are counted.
with v as materialized (
    select t.ctid from unnest(:device_ids::uuid[]) as w(device_id)
    cross join lateral (
        select t.ctid from task t
        where t.device_id = w.device_id and t.job_id = :job_id and is_open(t.state) and t.outcome = ''
        limit 1 for update skip locked
    ) t
)
update task t set outcome = 'silent' from v where t.ctid = v.ctid
returning t.device_id, t.job_id, t.wave, t.acts, t.state, t.awaiting not in ('', 'online') as asked,
          t.attempt > 0 and t.awaiting in ('', 'online') as again, t.reason = 'device_deleted' as gone, t.outcome;

-- name: guard_shown
select b.epoch, b.offered, r.guard, (select count(*) from job_stratum s where s.job_id = b.job_id)::int as strata
from budget b join rollout r using (job_id) where b.job_id = :job_id and r.guard is not null;
