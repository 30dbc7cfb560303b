-- Hours of devices, by their group or tag. When they are open is domain/hours.py's to say.

-- name: lock_account
-- Hours are made one at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: count_all
select count(*) from device_hours where account_id = :account_id;

-- name: make
-- No row comes back where the group or tag has hours.
insert into device_hours (hours_id, account_id, group_id, key, value, hours, open_until, opens_at, look_at, created_at)
values (:hours_id, :account_id, :group_id, :key, :value, :hours, coalesce(:open_until::timestamptz, '-infinity'), :opens_at,
        :look_at, :now)
on conflict do nothing
returning hours_id;

-- name: show
select *, open_until > clock_timestamp() as is_open from device_hours
where account_id = :account_id and (:hours_id::bigint is null or hours_id = :hours_id) order by hours_id desc;

-- name: lock
select hours_id from device_hours where hours_id = :hours_id and account_id = :account_id for update;

-- name: change
update device_hours set hours = :hours, open_until = coalesce(:open_until::timestamptz, '-infinity'), opens_at = :opens_at,
                        look_at = :look_at
where hours_id = :hours_id;

-- name: drop
delete from device_hours where hours_id = :hours_id;

-- name: wake
-- Tasks of the first devices that these hold for, which were never offered and wait, are looked at now; those of others, and
-- attempts that wait for their time, when they are due. Those that are due are written too, so that whoever puts them by with what
-- it saw before finds them changed.
with h as (
    select * from device_hours where hours_id = :hours_id
), m as materialized (
    select m.device_id from h join group_member m using (group_id)
    union all
    select d.device_id from h cross join lateral (
        select t.device_id from device_tag t where t.key = h.key and t.value = h.value limit :look_at
    ) t join device d on d.device_id = t.device_id join product p on p.product_id = d.product_id and p.account_id = h.account_id
    limit :at_most
), t as materialized (
    select t.device_id, t.job_id, t.nth from task t join m using (device_id)
    where is_open(t.state) and (t.due_at <= :now or t.attempt = 0 and t.offered_on is null and t.due_at is not null)
    order by t.device_id, t.job_id, t.nth for update of t
)
update task set due_at = :now from t where task.device_id = t.device_id and task.job_id = t.job_id and task.nth = t.nth;

-- name: due
select hours_id from device_hours where look_at <= :now order by look_at limit :at_most;

-- name: lock_due
select hours from device_hours where hours_id = :hours_id and look_at <= :now for update skip locked;

-- name: move
update device_hours set open_until = coalesce(:open_until::timestamptz, '-infinity'), opens_at = :opens_at, look_at = :look_at
where hours_id = :hours_id;
