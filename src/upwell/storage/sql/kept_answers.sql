-- First answers to requests that may come again.

-- name: find_answer
select who, fingerprint, sealed from kept_answer where which = :which;

-- name: claim
-- Whether nobody else is at the request of these two numbers; nobody is until the transaction ends.
select pg_try_advisory_xact_lock(:upper::int, :lower::int);

-- name: keep_answer
insert into kept_answer (which, account_id, who, fingerprint, at, sealed, size)
values (:which, :account_id, :who, :fingerprint, :now, :sealed::bytea, octet_length(:sealed::bytea));

-- name: count_answers
select count(*) as answers, coalesce(sum(size), 0) as bytes from kept_answer where account_id = :account_id;

-- name: forget_answers
-- So many at once of those that are too old. Returns how many.
with gone as (
    delete from kept_answer where which = any(array(
        select which from kept_answer where at < :before order by at limit :at_most for update skip locked))
    returning 1
)
select count(*) from gone;
