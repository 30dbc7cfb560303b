-- Tasks as their owners see them. One that a halt covers which it is still to follow is seen as cancelled by it.

-- name: job_of_tasks
-- The job whose tasks are asked for, with the one module that all of them are of.
select pr.product_key, lower(p.module) as module
from job j join product pr on pr.product_id = j.product_id join package p on p.package_id = j.package_id
where j.job_id = :job_id and j.account_id = :account_id and j.deleted_at is null
  and (not :asking::boolean or j.part <> '');

-- name: strays_by_name
select device_id, name from job_stray where job_id = :job_id and name = any(:names::text[]);

-- name: mark_before
-- From which device the job's list, from low to high, may be passed over to come to a place, and how many are before it.
select device_id, place from job_mark where job_id = :job_id and place <= :place order by place desc limit 1;

-- name: all_tasks
-- A page of all tasks of a job, by device, read on the index alone; `after` is where it goes on from. With `down` from high to
-- low, below a device if one is given.
(select t.device_id, t.job_id, t.nth from task t
 where not :down::boolean and t.job_id = :job_id
   and (:after::uuid is null or (t.device_id, t.nth) > (:after, :after_nth::smallint))
   and (:from_device::uuid is null or t.device_id >= :from_device)
 order by t.device_id, t.nth limit :take offset :skip)
union all
(select t.device_id, t.job_id, t.nth from task t
 where :down::boolean and t.job_id = :job_id
   and (:after::uuid is null or (t.device_id, t.nth) < (:after, :after_nth::smallint))
   and (:below::uuid is null or t.device_id < :below)
 order by t.device_id desc, t.nth desc limit :take offset :skip);

-- name: some_tasks
-- The same of those that stand in one of these ways (domain/ways.py), each read by itself: no state in which many tasks are
-- is passed through to find a few in another.
with way as (
    select * from unnest(:states::text[], :lows::int[], :highs::int[], :marks::int[]) as w(state, low, high, marks)
)
(select f.device_id, f.job_id, f.nth from way w cross join lateral (
    select t.device_id, t.job_id, t.nth from task t
    where not :down::boolean and t.job_id = :job_id and t.state = w.state
      and (:after::uuid is null or (t.device_id, t.nth) > (:after, :after_nth::smallint))
      and (:whole::boolean
           or (t.acts >= w.low and (w.high is null or t.acts < w.high)
               and 1 & (w.marks >> (4 * (t.awaiting not in ('', 'online'))::int
                                    + 2 * (t.attempt > 0 and t.awaiting in ('', 'online'))::int
                                    + (t.reason = 'device_deleted')::int)) = 1))
    order by t.device_id, t.nth limit :take::bigint + :skip::bigint
) f order by f.device_id, f.nth limit :take offset :skip)
union all
(select f.device_id, f.job_id, f.nth from way w cross join lateral (
    select t.device_id, t.job_id, t.nth from task t
    where :down::boolean and t.job_id = :job_id and t.state = w.state
      and (:after::uuid is null or (t.device_id, t.nth) < (:after, :after_nth::smallint))
      and (:below::uuid is null or t.device_id < :below)
      and (:whole::boolean
           or (t.acts >= w.low and (w.high is null or t.acts < w.high)
               and 1 & (w.marks >> (4 * (t.awaiting not in ('', 'online'))::int
                                    + 2 * (t.attempt > 0 and t.awaiting in ('', 'online'))::int
                                    + (t.reason = 'device_deleted')::int)) = 1))
    order by t.device_id desc, t.nth desc limit :take::bigint + :skip::bigint
) f order by f.device_id desc, f.nth desc limit :take offset :skip);

-- name: tasks_of_devices
-- The tasks of some devices in their present lives, in a job or in all, which are few. A null filter is no filter; `marks` are
-- those of domain/ways.py for each state.
select t.device_id, t.job_id, t.nth
from task t join job j using (job_id)
left join lateral halt_of(t.job_id, t.acts, t.state) h on t.acts < j.acts
where j.account_id = :account_id and t.device_id = any(:device_ids::uuid[])
  and t.life = coalesce((select d.life from device d where d.device_id = t.device_id), t.life)
  and (:job_id::bigint is null or t.job_id = :job_id) and (:module::text is null or t.module = lower(:module))
  and exists (select from unnest(:states::text[], :marks::int[]) as w(state, marks)
              where w.state = case when h.nth is null then t.state else 'CANCELED' end
                and 1 & (w.marks >> (4 * (t.awaiting not in ('', 'online'))::int
                                     + 2 * (t.attempt > 0 and t.awaiting in ('', 'online'))::int
                                     + (t.reason = 'device_deleted')::int)) = 1)
order by case when not :down::boolean then t.job_id end, case when not :down then t.device_id end,
         case when not :down then t.nth end, t.job_id desc, t.device_id desc, t.nth desc;

-- name: show_tasks
-- What is shown of these tasks, in their order. One of a former life shows what its device was known by then; a target that is
-- no device is shown with `asking` alone. What few of them need is looked up for those: fewer tables are joined, and planned.
select t.device_id, t.job_id, t.nth, k.package_id, pr.product_key, pr.name as product_name, d.name as device_name,
       case when d.life = t.life then d.iot_id
            else coalesce((select dp.iot_id from device_past dp where dp.device_id = t.device_id and dp.life = t.life), '')
       end as iot_id,
       coalesce((select s.name from job_stray s where s.device_id = t.device_id and s.job_id = t.job_id),
                case when d.life = t.life then d.public_id
                     else (select dp.public_id from device_past dp
                           where dp.device_id = t.device_id and dp.life = t.life) end,
                (select own.product_key from product own where own.product_id = d.product_id) || '_' || d.name, '')
       as public_id,
       k.module, t.source_version, k.version as dest_version,
       case when h.nth is null then t.state else 'CANCELED' end as state, t.awaiting not in ('', 'online') as asked,
       t.attempt > 0 and t.awaiting in ('', 'online') as again,
       coalesce(h.reason, t.reason) = 'device_deleted' as gone, coalesce(h.description, t.description) as description,
       coalesce(h.reason, t.reason) as reason, t.code, t.progress, j.timeout_min, t.created_at,
       coalesce(h.at, t.modified_at) as modified_at, k.object_state, k.object_problem,
       t.wave
from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) with ordinality as w(device_id, job_id, nth, place)
join task t using (device_id, job_id, nth) join job j using (job_id)
join package k on k.package_id = coalesce(case when j.led_from is null then t.package_id end, j.package_id)
join product pr on pr.product_id = j.product_id
left join device d on d.device_id = t.device_id
left join lateral halt_of(t.job_id, t.acts, t.state) h on t.acts < j.acts
where :asking or d.device_id is not null
order by w.place;
