-- How jobs stood from time to time.

-- name: running
-- The next jobs that run.
select job_id from job where status = 'IN_PROGRESS' and job_id > :after order by job_id limit :at_most;

-- name: note
-- Of these jobs those that stand otherwise than when it was written down last, unless that was just now for a job so old.
insert into job_course (job_id, at, waiting, at_work, succeeded, failed, canceled)
select w.job_id, :now, w.waiting, w.at_work, w.succeeded, w.failed, w.canceled
from unnest(:job_ids::bigint[], :waiting::bigint[], :at_work::bigint[], :succeeded::bigint[], :failed::bigint[],
            :canceled::bigint[]) as w(job_id, waiting, at_work, succeeded, failed, canceled)
join job j using (job_id)
left join lateral (
    select c.* from job_course c where c.job_id = w.job_id order by c.at desc limit 1
) l on true
where l.at is null or (
    l.at <= :now::timestamptz - greatest(:step::interval, (:now::timestamptz - coalesce(j.started_at, j.created_at)) / :parts::int)
    and (l.waiting, l.at_work, l.succeeded, l.failed, l.canceled)
        is distinct from (w.waiting, w.at_work, w.succeeded, w.failed, w.canceled)
)
on conflict do nothing;

-- name: of_job
-- The newest of them, oldest first.
select * from (
    select at, waiting, at_work, succeeded, failed, canceled from job_course where job_id = :job_id
    order by at desc limit :at_most
) c order by at;
