-- Hours of jobs: when each is to be looked at, and what its row says. When they are open is domain/hours.py's to say.

-- name: set_hours
-- Of a locked job, in place of those that it had.
with moved as (
    update job set open_until = coalesce(:open_until::timestamptz, '-infinity') where job_id = :job_id
)
insert into job_hours (job_id, hours, opens_at, look_at) values (:job_id, :hours, :opens_at, :look_at)
on conflict (job_id) do update set hours = excluded.hours, opens_at = excluded.opens_at, look_at = excluded.look_at;

-- name: drop_hours
-- Of a locked job, which may offer at any time then; its waits have their whole time again.
with dropped as (
    delete from job_hours where job_id = :job_id
)
update job set open_until = null, let_on_at = :now where job_id = :job_id and open_until is not null;

-- name: due
select job_id from job_hours where look_at <= :now order by look_at limit :at_most;

-- name: lock
-- One that is due, whose job nobody has; the tasks of a dynamic job live on when its policy has ended.
select h.job_id, h.hours, j.open_until > :now as is_open,
       j.status in ('PLANNED', 'IN_PROGRESS') or (j.kind = 'dynamic' and j.status = 'CANCELED') as is_live
from job j join job_hours h using (job_id)
where j.job_id = :job_id and h.look_at <= :now
for update of j skip locked;

-- name: move
-- They open, close, or stay; when they open its waits have their whole time again.
with moved as (
    update job set open_until = coalesce(:open_until::timestamptz, '-infinity'),
                   let_on_at = case when :opens::boolean then :now else let_on_at end
    where job_id = :job_id
)
update job_hours set opens_at = :opens_at, look_at = :look_at where job_id = :job_id;

-- name: rest
-- Of a job that has ended; running again it is looked at.
update job_hours set look_at = 'infinity' where job_id = :job_id;

-- name: look_again
update job_hours set look_at = :now where job_id = :job_id;
