-- What owners did and were refused; what strangers were refused.

-- name: write_entry
insert into audit (entry_id, account_id, at, who, tongue, address, operation, result, request_id, ids, changes)
values (:entry_id, :account_id, :at, :who, :tongue, :address, :operation, :result, :request_id, :ids, :changes);

-- name: write_refusals
-- Each of another kind. Of those that there is one of in that minute only the count grows.
insert into audit as a
    (entry_id, account_id, at, who, tongue, address, operation, result, request_id, ids, changes, times, minute)
select u.entry_id, u.account_id, u.at, u.who, u.tongue, u.address, u.operation, u.result, u.request_id, u.ids, u.changes,
       u.times, date_trunc('minute', u.at, 'UTC')
from unnest(:entry_id::bigint[], :account_id::bigint[], :at::timestamptz[], :who::text[], :tongue::text[],
            :address::text[], :operation::text[], :result::text[], :request_id::text[], :ids::jsonb[], :changes::jsonb[],
            :times::int[])
    as u(entry_id, account_id, at, who, tongue, address, operation, result, request_id, ids, changes, times)
order by u.account_id, u.who, u.operation, u.result
on conflict (account_id, minute, who, operation, result) where minute is not null
do update set times = a.times + excluded.times;

-- name: count_strangers
-- In one order, so that two processes don't wait for each other.
insert into audit_stranger as s (minute, address, times)
select u.minute, u.address, u.times from unnest(:minute::timestamptz[], :address::text[], :times::bigint[])
    as u(minute, address, times)
order by u.minute, u.address
on conflict (minute, address) do update set times = s.times + excluded.times;

-- name: forget_strangers
-- So many at once of those that are too old. Returns how many.
with gone as (
    delete from audit_stranger where ctid = any(array(
        select ctid from audit_stranger where minute < :before order by minute limit :at_most for update skip locked))
    returning 1
)
select count(*) from gone;

-- name: list_strangers
select minute, address, times from audit_stranger
where (:since::timestamptz is null or minute >= :since) order by minute desc, times desc, address limit :take;

-- name: list_entries
-- Of an account, or of all. Each bound is an id.
select e.entry_id, coalesce(a.name, '') as account, e.at, e.who, e.tongue, e.address, e.operation, e.result, e.request_id,
       e.times, e.ids, e.changes
from audit e left join account a using (account_id)
where (:account_id::bigint is null or e.account_id = :account_id)
  and (:below::bigint is null or e.entry_id < :below) and (:least::bigint is null or e.entry_id >= :least)
  and (:who::text is null or e.who = :who or split_part(e.who, ', key ', 1) = :who or split_part(e.who, ', key ', 2) = :who) and (:operation::text is null or e.operation = :operation)
  and (:result::text is null or e.result = :result or (:result = 'refused' and e.minute is not null))
  and (:about::jsonb is null or jsonb_path_exists(e.ids, :of_ids::jsonpath, :about::jsonb)
       or jsonb_path_exists(e.changes, :of_changes::jsonpath, :about::jsonb))
  and {beyond}
order by {order} limit :take offset :skip;

-- name: export_entries
-- The next ones after that id, oldest first.
select e.entry_id, coalesce(a.name, '') as account, e.at, e.who, e.tongue, e.address, e.operation, e.result, e.request_id,
       e.times, e.ids, e.changes
from audit e left join account a using (account_id)
where (:account_id::bigint is null or e.account_id = :account_id)
  and e.entry_id > :after and (:below::bigint is null or e.entry_id < :below)
  and (:who::text is null or e.who = :who or split_part(e.who, ', key ', 1) = :who or split_part(e.who, ', key ', 2) = :who) and (:operation::text is null or e.operation = :operation)
  and (:result::text is null or e.result = :result or (:result = 'refused' and e.minute is not null))
  and (:about::jsonb is null or jsonb_path_exists(e.ids, :of_ids::jsonpath, :about::jsonb)
       or jsonb_path_exists(e.changes, :of_changes::jsonpath, :about::jsonb))
order by e.entry_id limit :take;
