-- How many tasks of a job stand where.

-- name: move
-- Each connection counts in rows of its own.
insert into job_count as c (job_id, lane, wave, acts, state, asked, again, gone, outcome, n)
select m.job_id, pg_backend_pid(), m.wave, m.acts, m.state, m.asked, m.again, m.gone, m.outcome, m.by
from unnest(:job_id::bigint[], :wave::smallint[], :acts::int[], :state::text[], :asked::boolean[], :again::boolean[],
            :gone::boolean[], :outcome::text[], :by::bigint[])
     as m(job_id, wave, acts, state, asked, again, gone, outcome, by)
on conflict (job_id, lane, wave, acts, state, asked, again, gone, outcome) do update set n = c.n + excluded.n;

-- name: counted
-- The tasks of these jobs by what tells where they stand, those that a halt covers which they are still to follow as
-- cancelled.
select c.job_id, case when h.nth is null then c.state else 'CANCELED' end as state, c.asked, c.again,
       c.gone and h.nth is null as gone, sum(c.n)::bigint as n
from job_count c left join lateral halt_of(c.job_id, c.acts, c.state) h on true
where c.job_id = any(:job_ids::bigint[]) group by 1, 2, 3, 4, 5 having sum(c.n) <> 0;

-- name: jobs_apart
select distinct job_id from job_count where lane <> 0 and job_id > :after order by job_id limit :at_most;

-- name: fold
-- The rows of a job that nobody writes now become one a place; empty ones go.
with apart as (
    delete from job_count d using (
        select job_id, lane, wave, acts, state, asked, again, gone, outcome from job_count
        where job_id = :job_id and lane <> 0 for update skip locked
    ) s
    where (d.job_id, d.lane, d.wave, d.acts, d.state, d.asked, d.again, d.gone, d.outcome)
        = (s.job_id, s.lane, s.wave, s.acts, s.state, s.asked, s.again, s.gone, s.outcome)
    returning d.wave, d.acts, d.state, d.asked, d.again, d.gone, d.outcome, d.n
)
insert into job_count as c (job_id, lane, wave, acts, state, asked, again, gone, outcome, n)
select :job_id, 0, wave, acts, state, asked, again, gone, outcome, sum(n) from apart
group by wave, acts, state, asked, again, gone, outcome having sum(n) <> 0
order by wave, acts, state, asked, again, gone, outcome
on conflict (job_id, lane, wave, acts, state, asked, again, gone, outcome) do update set n = c.n + excluded.n;

-- name: forget_empty
delete from job_count d using (
    select job_id, lane, wave, acts, state, asked, again, gone, outcome from job_count
    where job_id = :job_id and lane = 0 and n = 0 for update skip locked
) s
where (d.job_id, d.lane, d.wave, d.acts, d.state, d.asked, d.again, d.gone, d.outcome)
    = (s.job_id, s.lane, s.wave, s.acts, s.state, s.asked, s.again, s.gone, s.outcome) and d.n = 0;
