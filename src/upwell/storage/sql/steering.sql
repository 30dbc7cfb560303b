-- Tasks cancelled and run again by their owner.

-- name: unfilled_of_package
-- Jobs of the package whose tasks do not all exist yet, or the one of them.
select job_id from job where package_id = :package_id and status = 'IN_PROGRESS' and not materialised
  and (:job_id::bigint is null or job_id = :job_id) order by job_id;

-- name: jobs_of_package
select job_id from job where package_id = :package_id and (:job_id::bigint is null or job_id = :job_id);

-- name: has_tasks
select exists (select from task where job_id = :job_id);

-- name: count_waiting
-- Of the tasks of the job in these states, as far as they are looked at, those that come from this version; and whether all
-- were.
select count(*) filter (where t.source_version = :source_version and not is_left_out(:job_id, t.acts, t.state, t.source_version)
                              and not exists (select from halt_of(:job_id, t.acts, t.state))) as devices,
       count(*) < :most and (select materialised or status not in ('PLANNED', 'IN_PROGRESS') from job where job_id = :job_id) as whole
from (
    select acts, state, source_version from task where job_id = :job_id and state = any(:states::text[])
    order by state, device_id, nth limit :most
) t;

-- name: has_running_verify_job
select exists (select from job where package_id = :package_id and kind = 'verify' and status = 'IN_PROGRESS');

-- name: ask_stop
update job set stop_asked_at = :now, modified_at = :now where job_id = :job_id;
