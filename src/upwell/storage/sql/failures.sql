-- Failures of jobs by what they have in common, counted as tasks fail and run again.

-- name: vendors
-- By whose device side these devices last spoke.
select device_id, coalesce(vendor, '') as vendor from presence where device_id = any(:device_ids::uuid[]);

-- name: kinds
-- The kinds of failures that these jobs have.
select distinct job_id, kind from failure_count where job_id = any(:job_ids::bigint[]);

-- name: move
-- Each connection counts in rows of its own. A row that only lowers does not say what its kind is.
insert into failure_count as c (job_id, lane, kind, reason, code, module, source_version, vendor, examples, n)
select m.job_id, pg_backend_pid(), m.kind, m.reason, m.code, m.module, m.source_version, m.vendor,
       string_to_array(m.examples, ',')::uuid[], m.by
from unnest(:job_ids::bigint[], :kinds::bigint[], :reasons::text[], :codes::int[], :modules::text[], :source_versions::text[],
            :vendors::text[], :examples::text[], :by::bigint[])
     as m(job_id, kind, reason, code, module, source_version, vendor, examples, by)
on conflict (job_id, lane, kind) do update
set n = c.n + excluded.n, examples = (excluded.examples || c.examples)[1:3],
    reason = coalesce(excluded.reason, c.reason), code = coalesce(excluded.code, c.code),
    module = coalesce(excluded.module, c.module), source_version = coalesce(excluded.source_version, c.source_version),
    vendor = coalesce(excluded.vendor, c.vendor);

-- name: uncounted
-- The tasks of a job for these devices that failed and are not counted, with what they are counted by. The limit has each
-- looked up by itself, as where they are made.
select t.device_id, t.nth, t.reason, t.code, t.module, t.source_version, n.vendor
from unnest(:device_ids::uuid[]) as w(device_id)
cross join lateral (
    select t.device_id, t.nth, t.reason, t.code, t.module, t.source_version from task t
    where t.device_id = w.device_id and t.job_id = :job_id and t.state = 'FAILED' and t.failure is null offset 0
) t
left join lateral (select p.vendor from presence p where p.device_id = t.device_id limit 1) n on true
order by t.device_id, t.nth;

-- name: place
-- These tasks of a job are counted so.
update task t set failure = w.kind from unnest(:device_ids::uuid[], :nths::smallint[], :kinds::bigint[]) as w(device_id, nth, kind)
where t.device_id = w.device_id and t.job_id = :job_id and t.nth = w.nth;

-- name: jobs_apart
select distinct job_id from failure_count where lane <> 0 and job_id > :after order by job_id limit :at_most;

-- name: fold
-- The rows of a job that nobody writes now become one a kind.
with apart as (
    delete from failure_count d using (
        select job_id, lane, kind from failure_count where job_id = :job_id and lane <> 0 for update skip locked
    ) s
    where (d.job_id, d.lane, d.kind) = (s.job_id, s.lane, s.kind)
    returning d.kind, d.reason, d.code, d.module, d.source_version, d.vendor, d.examples, d.n
)
insert into failure_count as c (job_id, lane, kind, reason, code, module, source_version, vendor, examples, n)
select :job_id, 0, kind, max(reason), max(code), max(module), max(source_version), max(vendor),
       coalesce(
           (string_to_array(string_agg(nullif(array_to_string(examples, ','), ''), ','), ','))[1:3]::uuid[], '{}'
       ), sum(n)
from apart group by kind order by kind
on conflict (job_id, lane, kind) do update
set n = c.n + excluded.n, examples = (excluded.examples || c.examples)[1:3],
    reason = coalesce(excluded.reason, c.reason), code = coalesce(excluded.code, c.code),
    module = coalesce(excluded.module, c.module), source_version = coalesce(excluded.source_version, c.source_version),
    vendor = coalesce(excluded.vendor, c.vendor);

-- name: forget_empty
delete from failure_count d using (
    select job_id, lane, kind from failure_count where job_id = :job_id and lane = 0 and n = 0 for update skip locked
) s
where (d.job_id, d.lane, d.kind) = (s.job_id, s.lane, s.kind) and d.n = 0;

-- name: counted
-- The kinds of a job, the most first; kind 0 last.
select kind, max(reason) as reason, max(code) as code, max(module) as module, max(source_version) as source_version,
       max(vendor) as vendor, sum(n)::bigint as n,
       (string_to_array(string_agg(nullif(array_to_string(examples, ','), ''), ',' order by lane desc), ','))::uuid[] as examples
from failure_count where job_id = :job_id group by kind having sum(n) > 0 order by kind = 0, sum(n) desc, kind;

-- name: examples
-- Of these tasks' devices those that are still counted so, by their public ids, with what was said of them last.
select w.kind, t.modified_at as at, t.description,
       coalesce(d.public_id, p.product_key || '_' || d.name, s.name) as public_id
from unnest(:kinds::bigint[], :device_ids::uuid[]) as w(kind, device_id)
cross join lateral (
    select t.device_id, t.modified_at, t.description from task t
    where t.device_id = w.device_id and t.job_id = :job_id and t.failure = w.kind order by t.nth desc limit 1
) t
left join job_stray s on s.device_id = t.device_id and s.job_id = :job_id
left join device d on d.device_id = t.device_id and d.deleted_at is null
left join product p on p.product_id = d.product_id and p.account_id = :account_id
where s.name is not null or p.product_id is not null
order by w.kind, t.modified_at desc;

-- name: take_old
-- How far the tasks are counted that failed before kinds were; no row when all are, or while another process is at it.
select block, device_id from sweep where what = 'failures' and not is_over for update skip locked;

-- name: old_of_job
-- The next of them of a job that nobody else has.
select device_id, nth from task
where job_id = :job_id and state = 'FAILED' and device_id >= :after and failure is null
order by device_id, nth limit :at_most for update skip locked;

-- name: next_job
select min(job_id) from job where job_id > :after;

-- name: old_counted_to
update sweep set block = :job_id, device_id = :device_id where what = 'failures';

-- name: old_counted
update sweep set is_over = true where what = 'failures';
