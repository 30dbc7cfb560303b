-- News of jobs: noted in the transaction that makes it true, and what of it is still to be sent.

-- name: note_progress
-- Nothing comes back when the job stood so already. The row is locked, so news of a job is counted in its order.
insert into job_noted as n (job_id, progress, nth, noted_at) values (:job_id, :progress, 1, :now)
on conflict (job_id) do update
set progress = excluded.progress, nth = n.nth + 1, noted_at = greatest(n.noted_at, excluded.noted_at)
where n.progress <> excluded.progress
returning nth, noted_at;

-- name: make_news
-- For every action of the hooks that are active and about the job's space.
insert into news (action_id, job_id, nth, url, part, space, progress, reason, noted_at, next_at)
select a.action_id, j.job_id, :nth, a.url, :part, s.key, :progress, :reason, :noted_at, :noted_at
from job j join product p using (product_id) join space s using (space_id)
join hook h on h.account_id = j.account_id and h.active and (h.space_id is null or h.space_id = s.space_id)
join hook_action a using (hook_id)
where j.job_id = :job_id;

-- name: forget_news
-- What nobody took in time.
delete from news where noted_at < :before;

-- name: claim_news
-- The oldest of every URL, if it may be tried; until `until` no other process does. Later news of a URL waits for it.
update news n
set next_at = :until, tries = n.tries + 1
from (
    select action_id, job_id, nth from news w
    where w.next_at <= :now
      and not exists (
          select from news o
          where o.url = w.url
            and (o.noted_at, o.job_id, o.nth, o.action_id) < (w.noted_at, w.job_id, w.nth, w.action_id))
    order by w.next_at limit :most for update skip locked
) due, hook_action a
where n.action_id = due.action_id and n.job_id = due.job_id and n.nth = due.nth and a.action_id = n.action_id
returning n.action_id, n.job_id, n.nth, n.url, n.part, n.space, n.progress, n.reason, n.noted_at, n.tries, a.token,
          a.server_name;

-- name: settle_sent
delete from news where action_id = :action_id and job_id = :job_id and nth = :nth;

-- name: put_off_news
-- It was not taken. Left alone when the claim is another's by now.
update news set next_at = :next_at
where action_id = :action_id and job_id = :job_id and nth = :nth and tries = :tries;
