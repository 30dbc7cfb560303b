-- Why a device is not updated: the facts of domain/why.py. What stands in the way of an offer is `task_stand`'s to say.

-- name: job
-- A job of the account, by its number.
select j.job_id, j.account_id, j.product_id, j.kind, j.selection, j.status, j.asks_version, j.group_id, j.dynamic_mode, j.maximum_per_min,
       j.materialised, j.cursor_device, j.open_wave, j.scheduled_at, j.started_at, j.finish_at, j.ended_at, j.paused_at,
       j.paused_by, j.paused_why, lower(p.module) as module, p.version as destination, b.halted_at, j.unapproved, j.open_until, h.opens_at, b.per_min, b.at_once,
       case when j.led_from is null then sources_of(j.source_versions, p.source_versions) else j.source_versions end as sources,
       case when p.is_delta and j.led_from is null then p.source_version end as delta_source, j.led_from
from job j join package p using (package_id) left join budget b using (job_id)
left join job_hours h using (job_id)
where j.job_id = :job_id and j.account_id = :account_id and j.deleted_at is null;

-- name: job_of_package
-- Of the package's jobs the last that has a task of the device, else the last that is for its product; dynamic or not.
select j.job_id from job j join device d on d.device_id = :device_id
where j.package_id = :package_id and j.account_id = :account_id and j.deleted_at is null
  and (j.product_id = d.product_id or exists (select from task t where t.device_id = d.device_id and t.job_id = j.job_id))
order by exists (select from task t where t.device_id = d.device_id and t.job_id = j.job_id) desc, j.job_id desc limit 1;

-- name: task
-- The last task of the device in the job, in its present life: where it stands, and the particulars. `ahead` are tasks that are due
-- before it on its node, as far as offers could be left for them.
select s.*, t.due_at, t.offered_at, t.modified_at, t.description, t.progress, t.wave, t.node_id, t.slot, h.description as halt,
       h.at as halted_at, mv.version, mv.reported_at, pr.online_at, pr.offline_at, p.version as destination,
       sb.since as aside_since, sb.until_at as aside_until, sb.failures as aside_failures, sb.reason as aside_why,
       sh.opens_at as shut_opens_at, coalesce('group ' || sh.name, 'tag ' || sh.key || ' = ' || sh.value) as shut_by, (
           select count(*) from (
               select from task o where s.due = 'now' and o.node_id = t.node_id and o.job_id = t.job_id and o.due_at < t.due_at
               limit :most
           ) before
       ) as ahead
from task t cross join lateral task_stand(t, :now) s join job j using (job_id)
join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
left join setback sb on sb.device_id = t.device_id
left join lateral (
    select h.opens_at, h.key, h.value, g.name from hours_over(j.account_id, t.device_id) h left join device_group g using (group_id)
    where not is_in_time(h.open_until, :now) order by h.opens_at desc nulls first limit 1
) sh on true
left join lateral halt_of(t.job_id, t.acts, t.state) h on t.acts < j.acts
where t.device_id = :device_id and t.job_id = :job_id
  and t.life = coalesce((select d.life from device d where d.device_id = t.device_id), t.life)
order by t.nth desc limit 1;

-- name: refused
-- The last login as the device that was refused.
select at, reason from refused_login
where account_id = :account_id and product_key = :product_key and name = :name order by at desc limit 1;

-- name: beside
-- The job whose open task has the device, but this one.
select job_id from task where device_id = :device_id and job_id <> :job_id and is_open(state) order by job_id desc limit 1;

-- name: outside
-- How a device without a task in the job stands to it.
select d.product_id, mv.version, mv.reported_at, misfit(mv.version, :destination, :sources, :delta_source, :led_from) as misfit,
       d.created_at <= coalesce(:until::timestamptz, d.created_at) as was_there, pr.node_id is not null as online, pr.online_at,
       pr.offline_at,
       exists (select from job_target x where x.job_id = :job_id and x.device_id = d.device_id) as is_named,
       exists (select from job_missed x where x.job_id = :job_id and x.device_id = d.device_id) as is_missed,
       exists (select from job_package c join package k using (package_id)
               where c.job_id = :job_id and k.product_id = d.product_id) as is_of_packages
from device d left join module_version mv on mv.device_id = d.device_id and mv.module = :module
left join presence pr on pr.device_id = d.device_id
where d.device_id = :device_id;

-- name: stray
-- A target of the job that is no device.
select device_id from job_stray where job_id = :job_id and name = :name;

-- name: chunk_ends
-- The last task of the next part of a job's list, from behind one; none: the rest is no longer than that.
select device_id, nth from task
where job_id = :job_id and (:after::uuid is null or (device_id, nth) > (:after, :after_nth::smallint))
order by device_id, nth offset :at_most::int - 1 limit 1;

-- name: stands
-- How many tasks of a part of a job's list stand alike, with some devices of each. Of a device's tasks the last is meant.
with w as materialized (
    select t.device_id, t.nth from task t
    where t.job_id = :job_id and (:after::uuid is null or (t.device_id, t.nth) > (:after, :after_nth::smallint))
      and (:last::uuid is null or (t.device_id, t.nth) <= (:last, :last_nth::smallint))
)
select s.state, s.awaiting, s.need_push, s.offered, s.due, s.asks_first, s.is_let_go, s.is_alive, s.enabled, s.online,
       s.was_online, s.is_refused, s.has_version, s.is_there, s.is_fitting, s.is_released, s.is_deleted, s.has_object,
       s.object_state, s.is_running, s.in_time, s.is_unpaused, s.is_unhalted, s.is_wave_open, s.is_retry,
       s.is_tried_out, s.reason, s.is_fetched, s.is_approved, s.in_hours, s.has_place, s.outcome, s.is_led, s.is_step, s.is_set_aside,
       count(*) as n, (array_agg(w.device_id))[1:10] as examples
from w join task t on t.device_id = w.device_id and t.job_id = :job_id and t.nth = w.nth
cross join lateral task_stand(t, :now) s
where not exists (select from task l where l.device_id = w.device_id and l.job_id = :job_id and l.nth > w.nth)
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35;

-- name: public_ids
-- What these devices, or the strays of the job, are known by.
select w.device_id, coalesce((select s.name from job_stray s where s.device_id = w.device_id and s.job_id = :job_id),
                             d.public_id, pr.product_key || '_' || d.name, '') as public_id
from unnest(:device_ids::uuid[]) as w(device_id) left join device d using (device_id) left join product pr using (product_id);

-- name: way
-- By which packages a job leads, from which versions.
select s.version as runs, s.package_id, p.version from job_step s join package p using (package_id) where s.job_id = :job_id;
