-- What counters say, and what there is, counted anew a window at a time.

-- name: jobs
-- The next jobs that have counters, tasks or marks.
select job_id from job where job_id > :after order by job_id limit :at_most;

-- name: told_of_job
select wave, acts, state, asked, again, gone, outcome, sum(n)::bigint as n from job_count where job_id = :job_id
group by 1, 2, 3, 4, 5, 6, 7;

-- name: window_of_job
-- The next tasks of a job, by device, counted where they stand; the last of them by what each row has.
with seen as materialized (
    select device_id, nth, wave, acts, state, awaiting not in ('', 'online') as asked,
           attempt > 0 and awaiting in ('', 'online') as again, reason = 'device_deleted' as gone, outcome, failure
    from task
    where job_id = :job_id and (:after::uuid is null or (device_id, nth) > (:after, :after_nth::smallint))
    order by device_id, nth limit :at_most
), last as (
    select device_id, nth, (select count(*) from seen) as looked from seen order by device_id desc, nth desc limit 1
)
select s.wave, s.acts, s.state, s.asked, s.again, s.gone, s.outcome, s.failure, count(*) as n, l.device_id as last,
       l.nth as last_nth, l.looked
from seen s cross join last l group by 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12;

-- name: versions_of_product
-- How many of its devices are counted as running what.
select module, version, rare, sum(n)::bigint as n from version_count where product_id = :product_id group by 1, 2, 3;

-- name: versions_in_window
-- The same of the next devices of the product, by id, as their versions say.
with seen as materialized (
    select device_id from device where product_id = :product_id and deleted_at is null and (:after::uuid is null or device_id > :after)
    order by device_id limit :at_most
)
select v.module, v.version, v.counted, count(*) as n from seen join module_version v using (device_id) group by 1, 2, 3;

-- name: failures_of_job
-- How many of its tasks are counted as which kind of failure.
select kind, sum(n)::bigint as n from failure_count where job_id = :job_id group by kind;

-- name: marks_of_job
select device_id, place from job_mark where job_id = :job_id order by device_id;

-- name: between_marks
-- How many tasks of a job there are from each of these devices on to before the next of them.
select w.nth, (select count(*) from task t
               where t.job_id = :job_id and t.device_id < w.until
                 and (w.since is null or t.device_id >= w.since)) as n
from unnest(:since::uuid[], :until::uuid[]) with ordinality as w(since, until, nth) order by w.nth;

-- name: products
select product_id, product_key from product where product_id > :after order by product_id limit :at_most;

-- name: told_of_product
select coalesce(sum(devices), 0)::bigint as devices, coalesce(sum(active), 0)::bigint as active,
       coalesce(sum(online), 0)::bigint as online
from fleet_count where product_id = :product_id;

-- name: window_of_product
-- The next live devices of a product, by id, counted.
with seen as materialized (
    select device_id, activated_at, enabled from device
    where product_id = :product_id and deleted_at is null and (:after::uuid is null or device_id > :after)
    order by device_id limit :at_most
)
select count(*) as devices, count(s.activated_at) as active,
       count(*) filter (where s.enabled and n.node_id is not null) as online,
       (select device_id from seen order by device_id desc limit 1) as last
from seen s left join presence n using (device_id);
