-- How jobs that ask for versions stand.

-- name: tallies
-- The tasks of these jobs, counted by what tells where they stand.
select job_id, state, awaiting not in ('', 'online') as asked,
       attempt > 0 and awaiting in ('', 'online') as again, reason = 'device_deleted' as gone, count(*) as n
from task where job_id = any(:job_ids::bigint[]) group by 1, 2, 3, 4, 5;
