-- What waits for a person. Each statement reads rows of what is so now alone, at most `most` of them; `counted` is how many there
-- are of these.

-- name: halted
-- Rollouts that their guards halted, newest first.
select j.job_id, j.paused_at as at, j.paused_why as why, count(*) over () as counted
from (
    select j.* from job j join product p using (product_id)
    where j.account_id = :account_id and j.paused_at is not null and j.paused_by = :guard and j.deleted_at is null
      and (:product_id::bigint is null or j.product_id = :product_id) and (:space_id::bigint is null or p.space_id = :space_id)
    order by j.paused_at desc limit :most
) j
order by j.paused_at desc limit :take;

-- name: awaiting
-- Rollouts that wait for an approval, those that this caller may give first, then the oldest.
select j.job_id, j.asked_at as at, j.revision, j.makers, j.may_decide, count(*) over () as counted,
       count(*) filter (where j.may_decide) over () as mine
from (
    select j.job_id, a.asked_at, a.revision, a.makers, :decides::boolean and not :who = any(a.makers) as may_decide
    from job j join product p using (product_id) join job_approval a using (job_id)
    where j.account_id = :account_id and j.unapproved and j.ended_at is null and j.deleted_at is null and a.stands = 'awaiting'
      and (:product_id::bigint is null or j.product_id = :product_id) and (:space_id::bigint is null or p.space_id = :space_id)
    order by j.job_id desc limit :most
) j
order by j.may_decide desc, j.asked_at limit :take;

-- name: waves
-- Rollouts whose next wave a person must open, or of whose open one nothing is heard, the longest so first.
select j.job_id, j.open_wave as wave, j.still_at as at, j.lacks, count(*) over () as counted
from (
    select j.job_id, j.open_wave, r.still_at, r.lacks from job j join product p using (product_id) join rollout r using (job_id)
    where j.account_id = :account_id and j.open_wave > 0 and j.status = 'IN_PROGRESS' and j.deleted_at is null
      and j.paused_at is null and not j.unapproved
      and (r.lacks = :person or (r.lacks = any(:stalling::text[]) and r.still_at < :still_before))
      and (:product_id::bigint is null or j.product_id = :product_id) and (:space_id::bigint is null or p.space_id = :space_id)
    order by j.job_id desc limit :most
) j
order by j.still_at limit :take;

-- name: lost
-- Packages whose object is gone or another, newest first.
select k.package_id, k.name, k.version, k.object_fault as fault, k.object_problem as why, count(*) over () as counted
from (
    select k.* from package k left join product p using (product_id)
    where k.account_id = :account_id and k.object_state in ('missing', 'differs') and k.deleted_at is null
      and (:product_id::bigint is null or k.product_id = :product_id) and (:space_id::bigint is null or p.space_id = :space_id)
    order by k.package_id desc limit :most
) k
order by k.package_id desc limit :take;

-- name: refused
-- Names of devices of which logins were refused since then. An account has so few of these rows that all may be read.
select count(*) from (
    select distinct r.product_key, r.name from refused_login r
    where r.account_id = :account_id and r.at > :since
      and (:product_id::bigint is null and :space_id::bigint is null or r.product_key in (
           select p.product_key from product p where p.account_id = :account_id and p.deleted_at is null
           and (:product_id::bigint is null or p.product_id = :product_id)
           and (:space_id::bigint is null or p.space_id = :space_id)))
) r;
