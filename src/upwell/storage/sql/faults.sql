-- Tasks that wait for packages whose object is lost. Which of them that ends is domain/fault.py's to say.

-- name: bereaved_jobs
-- Jobs that run, or whose tasks live on, and have tasks that wait for an object that is lost; a few at a time. Each job is
-- asked by itself: asked together, those that wait for any object at all would be read.
select l.job_id from (
    select j.job_id from package k join job j using (package_id)
    where k.object_state in ('missing', 'differs') and k.deleted_at is null
      and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
    union
    select c.job_id from package k join job_package c using (package_id) join job j on j.job_id = c.job_id
    where k.object_state in ('missing', 'differs') and k.deleted_at is null and j.status = 'IN_PROGRESS'
    union
    select s.job_id from package k join job_step s using (package_id) join job j on j.job_id = s.job_id
    where k.object_state in ('missing', 'differs') and k.deleted_at is null
      and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
) l
cross join lateral (
    select from bereft b where b.job_id = l.job_id and (b.back_at is null or b.back_at <= :back_before) limit 1
) b
order by l.job_id limit :at_most;

-- name: faults_of_job
-- What is wrong with each of its objects that tasks wait for.
select k.package_id, k.object_fault, k.object_problem from package k
where k.object_state in ('missing', 'differs') and k.deleted_at is null
  and (k.package_id = (select j.package_id from job j where j.job_id = :job_id)
       or k.package_id in (select c.package_id from job_package c where c.job_id = :job_id)
       or k.package_id in (select s.package_id from job_step s where s.job_id = :job_id))
  and exists (select from bereft b
              where b.job_id = :job_id and b.package_id = k.package_id and (b.back_at is null or b.back_at <= :back_before))
order by k.package_id;

-- name: describe_job
-- Who holds the job is not waited for: it is told in the next turn.
update job set status_desc = :text
where job_id = (select job_id from job where job_id = :job_id and status_desc = '' for update skip locked);

-- name: lock_bereft
-- Some of the job's tasks that wait for the lost object, locked, with the facts that their life depends on. The limit has
-- each task looked up by itself, whatever PostgreSQL believes of the job.
with b as materialized (
    select device_id, nth from bereft where job_id = :job_id and package_id = :package_id and (back_at is null or back_at <= :back_before)
    limit :at_most
), t as materialized (
    select t.locked from (select * from b order by device_id, nth) b
    cross join lateral (
        select task as locked from task
        where task.device_id = b.device_id and task.job_id = :job_id and task.nth = b.nth and is_open(task.state)
        limit 1 for update skip locked
    ) t
)
select f.* from t cross join lateral task_facts(t.locked) f
order by f.device_id, f.nth;
