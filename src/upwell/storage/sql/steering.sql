-- Tasks cancelled and run again by their owner.

-- name: unfilled_of_package
-- Jobs of the package whose tasks do not all exist yet, or the one of them.
select job_id from job where package_id = :package_id and status = 'IN_PROGRESS' and not materialised
  and (:job_id::bigint is null or job_id = :job_id) order by job_id;

-- name: jobs_of_package
select job_id from job where package_id = :package_id and (:job_id::bigint is null or job_id = :job_id);

-- name: has_tasks
select exists (select from task where job_id = :job_id);

-- name: has_running_verify_job
select exists (select from job where package_id = :package_id and kind = 'verify' and status = 'IN_PROGRESS');

-- name: ask_stop
update job set stop_asked_at = :now, modified_at = :now where job_id = :job_id;
