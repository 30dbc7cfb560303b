-- Groups of devices. `{rule}` is where storage/search.py puts the condition of a group: of a static one that a device
-- is its member, of a dynamic one its rule.

-- name: lock_account
-- One group is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = $1 for no key update;

-- name: count_all
select count(*) from device_group where account_id = $1;

-- name: level_of_group
-- 1 at the top, one more for each group it is under.
with recursive up as (
    select super_group_id, 1 as level from device_group where group_id = $1
    union all
    select g.super_group_id, up.level + 1 from up join device_group g on g.group_id = up.super_group_id
)
select max(level) from up;

-- name: make_group
-- No row comes back when the name is taken.
insert into device_group
    (group_id, account_id, space_id, name, description, kind, rule, rule_text, super_group_id, created_at, modified_at)
values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $10)
on conflict (account_id, space_id, name) do nothing
returning group_id;

-- name: show_group
select group_id, name, description, kind, rule, rule_text, super_group_id, created_at
from device_group where group_id = $1 and account_id = $2;

-- name: share_group
-- As show_group; the group can't be deleted until this transaction ends.
select group_id, name, description, kind, rule, rule_text, super_group_id, created_at
from device_group where group_id = $1 and account_id = $2 for share;

-- name: lock_group
-- As show_group; nobody is added to it or put under it until this transaction ends.
select group_id, name, description, kind, rule, rule_text, super_group_id, created_at
from device_group where group_id = $1 and account_id = $2 for update;

-- name: group_of_job
-- The group whoever asks, with its account.
select group_id, account_id, kind, rule from device_group where group_id = $1;

-- name: update_group
update device_group set name = coalesce($2, name), description = coalesce($3, description), modified_at = $4
where group_id = $1;

-- name: scan_groups
-- From new to old, below a number.
select group_id, name, description, kind, rule_text, super_group_id, created_at from device_group
where account_id = $1 and ($2::bigint is null or space_id = $2) and ($3::text is null or name = $3)
  and ($4::text is null or kind = $4) and ($5::timestamptz is null or modified_at > $5)
  and ($6::bigint is null or group_id < $6)
order by group_id desc limit $7 offset $8;

-- name: count_scanned_groups
select count(*) from device_group
where account_id = $1 and ($2::bigint is null or space_id = $2) and ($3::text is null or name = $3)
  and ($4::text is null or kind = $4) and ($5::timestamptz is null or modified_at > $5);

-- name: lock_members
-- One adds to a group at a time where their number is limited; until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('upwell members', $1));

-- name: count_members
select count(*) from group_member where group_id = $1;

-- name: has_members
select exists (select from group_member m join device d using (device_id)
               where m.group_id = $1 and d.deleted_at is null);

-- name: has_sub_groups
select exists (select from device_group where super_group_id = $1);

-- name: delete_group
with members_gone as (delete from group_member where group_id = $1)
delete from device_group where group_id = $1;

-- name: count_groups
select count(*) from device_group
where account_id = $1 and ($2::text is null or strpos(name, $2) > 0)
  and ($3::bigint is null or super_group_id = $3) and (cardinality($4::text[]) = 0 or kind = any($4));

-- name: page_of_groups
select group_id, name, description, kind, rule_text, super_group_id, created_at from device_group
where account_id = $1 and ($2::text is null or strpos(name, $2) > 0)
  and ($3::bigint is null or super_group_id = $3) and (cardinality($4::text[]) = 0 or kind = any($4))
order by group_id desc limit $5 offset $6;

-- name: memberships
-- How many groups each of these devices is in, and whether this one is among them.
select device_id, count(*) as groups, bool_or(group_id = $2) as is_member
from group_member where device_id = any($1::uuid[]) group by device_id;

-- name: add_members
insert into group_member (device_id, group_id, added_at)
select device_id, $1, $2 from unnest($3::uuid[]) as w(device_id) order by device_id;

-- name: remove_members
with gone as (delete from group_member where group_id = $1 and device_id = any($2::uuid[]) returning 1)
select count(*) from gone;

-- name: static_groups_of_device
select group_id, name, description, kind, rule_text, super_group_id, created_at
from device_group g join group_member m using (group_id) where m.device_id = $1 and g.account_id = $2;

-- name: dynamic_groups
select group_id, name, description, kind, rule, rule_text, super_group_id, created_at
from device_group where account_id = $1 and kind = 'dynamic' order by group_id;

-- name: fits
-- Which of several rules one device fits.
select array[{rule}] from device d join product p using (product_id) left join presence n using (device_id)
where d.device_id = $1;

-- name: count_fitting
-- Of the account's live devices, of one product if it is given.
select count(*) as devices, count(d.activated_at) as active,
       count(*) filter (where device_status(d.enabled, n.node_id, d.activated_at) = 'ONLINE') as online
from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null
  and ($2::bigint is null or d.product_id = $2) and {rule};

-- name: fitting_among
select d.device_id from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and d.device_id = any($2::uuid[]) and {rule};

-- name: chunk_of_fitting
-- The next devices of a product, by id.
select d.device_id from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and d.product_id = $2
  and d.created_at <= $3 and ($4::uuid is null or d.device_id > $4) and {rule}
order by d.device_id limit $5;
