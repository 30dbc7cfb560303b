-- Where events are sent, and what is on its way there.

-- name: lock_account
select from account where account_id = :account_id for no key update;

-- name: count_receivers
select count(*) from receiver where account_id = :account_id;

-- name: make_receiver
insert into receiver (receiver_id, account_id, name, url, secret, kinds, product_id, job_id, position, created_at, modified_at)
select :receiver_id, :account_id, :name, :url, :secret, :kinds, :product_id, :job_id, position, :now, :now from event_head;

-- name: want
-- The account has these events from now on.
update event_setting set of_devices = of_devices or :of_devices, of_presence = of_presence or :of_presence
where account_id = :account_id;

-- name: show_receivers
-- Of the account, one or all, newest first.
select r.receiver_id, r.name, r.url, r.kinds, p.product_key, r.job_id, r.enabled, r.reason, r.failing_since, r.missed,
       r.former_until, r.created_at, r.modified_at,
       (select count(*) from delivery d where d.receiver_id = r.receiver_id and d.done_at is null) as waiting
from receiver r left join product p using (product_id)
where r.account_id = :account_id and (:receiver_id::bigint is null or r.receiver_id = :receiver_id)
order by r.receiver_id desc;

-- name: lock_receiver
select * from receiver where receiver_id = :receiver_id and account_id = :account_id for no key update;

-- name: update_receiver
update receiver set url = coalesce(:url, url), name = coalesce(:name, name), kinds = coalesce(:kinds::text[], kinds),
       enabled = coalesce(:enabled, enabled), reason = case when :enabled is null then reason else '' end, modified_at = :now
where receiver_id = :receiver_id;

-- name: go_on
-- What waits is tried at once, and has all its time again.
with gone_on as (
    update receiver set is_slow = false, wait_until = null, failing_since = null where receiver_id = :receiver_id
)
update delivery set next_at = :now, first_at = null where receiver_id = :receiver_id and done_at is null and leased_until is null;

-- name: set_secret
update receiver set former_secret = secret, former_until = :former_until, secret = :secret, modified_at = :now
where receiver_id = :receiver_id;

-- name: drop_receiver
delete from receiver where receiver_id = :receiver_id and account_id = :account_id returning receiver_id;

-- name: drop_deliveries
delete from delivery where receiver_id = :receiver_id;

-- name: list_deliveries
select position, kind, tries, made_at, next_at, tried_at, took_ms, status, answer, problem, done_at, is_taken,
       leased_until is not null and done_at is null as is_sending
from delivery
where receiver_id = :receiver_id and (:below::bigint is null or position < :below)
  and (:is_open::boolean is null or (done_at is null) = :is_open)
order by position desc limit :take offset :skip;

-- name: show_delivery
select d.position, d.kind, d.tries, d.made_at, d.next_at, d.tried_at, d.took_ms, d.status, d.answer, d.problem, d.done_at,
       d.is_taken, d.leased_until is not null and d.done_at is null as is_sending, r.url, d.body
from delivery d join receiver r using (receiver_id)
where d.receiver_id = :receiver_id and d.position = :position;

-- name: send_again
-- Of these deliveries those that are there; one that is over is sent again, another will be in any case.
with over as (
    update delivery set next_at = :now, done_at = null, is_taken = false, tries = 0, first_at = null, leased_until = null
    where receiver_id = :receiver_id and position = any(:positions::bigint[]) and done_at is not null
)
select position from delivery where receiver_id = :receiver_id and position = any(:positions::bigint[]);

-- name: send_range
update receiver set again_after = :after, again_to = :to where receiver_id = :receiver_id;

-- name: behind
-- Receivers whose account has events that they have not, or that are sent some again, while they have room.
select r.receiver_id from receiver r
where r.enabled and (r.again_to is not null or exists (
    select from event e where e.account_id = r.account_id and e.position > r.position limit 1))
  and (select count(*) from delivery d where d.receiver_id = r.receiver_id and d.done_at is null) < :most
order by r.position limit :at_most;

-- name: lock_behind
select r.*, :most - (select count(*) from delivery d where d.receiver_id = r.receiver_id and d.done_at is null) as room,
       (select forgotten_to from event_setting s where s.account_id = r.account_id) as forgotten_to
from receiver r where r.receiver_id = :receiver_id and r.enabled for no key update skip locked;

-- name: next_events
-- The next events of the account up to a position, no more than are looked at at once, those that fit; and how far was
-- looked. A ping is for the receiver that it names, and for no other.
with looked as materialized (
    select * from event where account_id = :account_id and position > :after and (:to::bigint is null or position <= :to)
    order by position limit :looked_at_most
)
select e.*, l.last, l.n from (select max(position) as last, count(*) as n from looked) l
left join lateral (
    select * from looked
    where case when kind = :ping then name = :name
               else (:kinds::text[] = '{}' or kind = any(:kinds)) and (:job_id::bigint is null or job_id = :job_id)
                    and (:product_id::bigint is null or product_id = :product_id) end
    order by position limit :take
) e on true
order by e.position;

-- name: add_deliveries
-- One that is there already and over is sent again.
insert into delivery as d (receiver_id, position, subject, kind, body, made_at, next_at)
select :receiver_id, n.position, n.subject, n.kind, n.body, n.at, :now
from unnest(:positions::bigint[], :subjects::text[], :kinds::text[], :bodies::text[], :ats::timestamptz[])
     as n(position, subject, kind, body, at)
on conflict (receiver_id, position) do update
set next_at = excluded.next_at, done_at = null, is_taken = false, tries = 0, first_at = null, leased_until = null
where d.done_at is not null;

-- name: come_to
update receiver set position = :position, missed = missed + :missed where receiver_id = :receiver_id;

-- name: again_to
update receiver set again_after = :after, again_to = case when :is_over then null else again_to end
where receiver_id = :receiver_id;

-- name: claim
-- What may be sent now, and by nobody else until then: of each receiver so many at once, of one that is slow a single one;
-- of a subject the earliest. Slow receivers have room of their own.
with able as materialized (
    select r.* from receiver r
    where r.enabled and (r.wait_until is null or r.wait_until <= :now)
      and exists (select from delivery d where d.receiver_id = r.receiver_id and d.done_at is null and d.next_at <= :now)
    order by r.receiver_id for no key update skip locked
), due as materialized (
    select a.is_slow, d.position, d.receiver_id, d.next_at,
           row_number() over (partition by a.is_slow order by d.nth, d.next_at, d.receiver_id) as place
    from able a cross join lateral (
        select d.receiver_id, d.position, d.next_at, row_number() over (order by d.next_at, d.position) as nth
        from delivery d
        where d.receiver_id = a.receiver_id and d.done_at is null and d.next_at <= :now
          and not exists (select from delivery o where o.receiver_id = d.receiver_id and o.subject = d.subject
                          and o.done_at is null and o.position < d.position)
        order by d.next_at, d.position
        limit greatest(0, case when a.is_slow then 1 else :of_receiver::int end - (
            select count(*) from delivery u
            where u.receiver_id = a.receiver_id and u.done_at is null and u.leased_until > :now))
    ) d
)
update delivery d
set leased_until = :until, next_at = :until, tries = d.tries + 1, first_at = coalesce(d.first_at, :now), tried_at = :now
from due join able a using (receiver_id)
where d.receiver_id = due.receiver_id and d.position = due.position
  and due.place <= case when due.is_slow then :slow_most::int else :most::int end
returning d.receiver_id, d.position, d.kind, d.body, d.tries, d.first_at, a.url, a.secret, a.account_id,
          case when a.former_until > :now then a.former_secret end as former_secret, due.is_slow;

-- name: settle
-- What came of a try, unless its lease was over and another has it. Nothing comes back then.
update delivery
set leased_until = null, took_ms = :took_ms, status = :status, answer = :answer, problem = :problem,
    next_at = :next_at, done_at = :done_at, is_taken = :is_taken
where receiver_id = :receiver_id and position = :position and tries = :tries and done_at is null
returning receiver_id;

-- name: note_taken
update receiver set is_slow = :is_slow, failing_since = null, wait_until = null
where receiver_id = :receiver_id and (is_slow <> :is_slow or failing_since is not null or wait_until is not null);

-- name: note_failed
update receiver
set is_slow = true, failing_since = coalesce(failing_since, :now),
    wait_until = greatest(wait_until, :wait_until::timestamptz)
where receiver_id = :receiver_id and enabled returning failing_since;

-- name: disable
update receiver set enabled = false, reason = :reason, modified_at = :now
where receiver_id = :receiver_id and enabled returning account_id;

-- name: forget_deliveries
-- Some that are over and old, and those beyond how many are kept.
with counted as (
    delete from delivery d using (
        select receiver_id, position from delivery
        where receiver_id = :receiver_id and done_at is not null
          and (done_at < :before or done_at <= (
              select done_at from delivery where receiver_id = :receiver_id and done_at is not null
              order by done_at desc offset :most limit 1))
        order by done_at limit :at_most
    ) old
    where d.receiver_id = old.receiver_id and d.position = old.position
    returning 1
)
select count(*) from counted;

-- name: with_deliveries
select receiver_id from receiver order by receiver_id;

-- name: hold
select from receiver where receiver_id = :receiver_id for no key update;
