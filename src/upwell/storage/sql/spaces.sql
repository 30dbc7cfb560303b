-- Spaces, the partitions of an account's products, and products in them. The default space has the account's id.

-- name: lock_account
-- One space is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = $1 for no key update;

-- name: count_spaces
select count(*) from space where account_id = $1;

-- name: make_space
insert into space (space_id, account_id, key, name, created_at) values ($1, $2, $3, $4, $5);

-- name: find_space
-- By its key, or the default one.
select space_id, key, name, space_id = account_id as is_default, created_at from space
where account_id = $1 and ($2::text is null and space_id = $1 or key = $2);

-- name: share_space
-- As find_space; the space can't be deleted until this transaction ends.
select space_id, key, name, space_id = account_id as is_default, created_at from space
where account_id = $1 and ($2::text is null and space_id = $1 or key = $2) for share;

-- name: lock_space
-- As find_space; nothing is put into it until this transaction ends.
select space_id, key, name, space_id = account_id as is_default, created_at from space
where account_id = $1 and ($2::text is null and space_id = $1 or key = $2) for update;

-- name: list_spaces
select space_id, key, name, space_id = account_id as is_default, created_at from space
where account_id = $1 and ($2::boolean is null or (space_id = account_id) = $2) order by space_id desc;

-- name: rename_space
update space set name = $2 where space_id = $1;

-- name: has_running_job
select exists (select from job j join product p using (product_id)
               where p.space_id = $1 and j.status in ('PLANNED', 'IN_PROGRESS'));

-- name: lock_products
-- No device can be registered in them until this transaction ends.
select product_id from product where space_id = $1 and deleted_at is null order by product_id for update;

-- name: some_devices
select device_id from device where product_id = any($1::bigint[]) and deleted_at is null order by device_id limit $2
for no key update;

-- name: delete_devices
-- Locked devices become tombstones; what they said, where they were connected and belonged is forgotten.
with presence_gone as (
    delete from presence where device_id = any($1::uuid[])
), versions_gone as (
    delete from module_version where device_id = any($1::uuid[])
), tags_gone as (
    delete from device_tag where device_id = any($1::uuid[])
), membership_gone as (
    delete from group_member where device_id = any($1::uuid[])
), topology_gone as (
    delete from topology where device_id = any($1::uuid[]) or gateway_id = any($1::uuid[])
)
update device set deleted_at = $2, modified_at = $2 where device_id = any($1::uuid[]);

-- name: delete_space
-- With all that is left in it: products, their modules and packages, groups, and the rules that are about it alone.
with news_gone as (
    delete from news where action_id in (select a.action_id from hook_action a join hook r using (hook_id)
                                         where r.space_id = $1)
), actions_gone as (
    delete from hook_action where hook_id in (select hook_id from hook where space_id = $1)
), rules_gone as (
    delete from hook where space_id = $1
), packages_gone as (
    update package set deleted_at = $2, modified_at = $2 where product_id = any($3::bigint[]) and deleted_at is null
), modules_gone as (
    delete from module where product_id = any($3::bigint[])
), policies_gone as (
    delete from policy where product_id = any($3::bigint[])
), members_gone as (
    delete from group_member where group_id in (select group_id from device_group where space_id = $1)
), groups_gone as (
    delete from device_group where space_id = $1
), products_gone as (
    update product set deleted_at = $2 where product_id = any($3::bigint[])
)
delete from space where space_id = $1;

-- name: has_foreign_sub_groups
-- Whether a group of another space is under one of this space.
select exists (select from device_group g join device_group s on s.group_id = g.super_group_id
               where s.space_id = $1 and g.space_id <> $1);

-- name: make_product
-- Its name need not be unique. No row comes back when a live product has the key.
insert into product (product_id, account_id, space_id, product_key, product_secret, name, shares_name, facts, created_at)
values ($1, $2, $3, $4, $5, $6, true, $7::jsonb, $8)
on conflict (product_key) where deleted_at is null do nothing
returning product_id;

-- name: key_of_others
-- Whether another account has or had a product of this key: its devices' rows are theirs for ever.
select exists (select from product where product_key = $1 and account_id <> $2);

-- name: find_product
-- The account's product, in this space if one is given.
select p.product_id from product p join space s using (space_id)
where p.account_id = $1 and p.product_key = $2 and p.deleted_at is null and ($3::text is null or s.key = $3);

-- name: share_product
-- As find_product; it can't be deleted until this transaction ends.
select p.product_id from product p join space s using (space_id)
where p.account_id = $1 and p.product_key = $2 and p.deleted_at is null and ($3::text is null or s.key = $3)
for share of p;

-- name: lock_product
-- As share_product; no device can be registered until this transaction ends.
select p.product_id from product p join space s using (space_id)
where p.account_id = $1 and p.product_key = $2 and p.deleted_at is null and ($3::text is null or s.key = $3)
for update of p;

-- name: show_products
-- Views of products and their spaces, in the order of the given ids.
select p.product_id, p.product_key, p.product_secret, p.name, p.facts, p.created_at,
       (select count(*) from device d where d.product_id = p.product_id and d.deleted_at is null) as device_count,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from unnest($1::bigint[]) with ordinality as w(product_id, place) join product p using (product_id)
join space s using (space_id)
order by w.place;

-- name: scan_products
-- From new to old, below a number.
select product_id from product
where account_id = $1 and deleted_at is null and ($2::bigint is null or space_id = $2)
  and ($3::text is null or name = $3) and ($4::bigint is null or product_id < $4)
order by product_id desc limit $5 offset $6;

-- name: count_products
select count(*) from product
where account_id = $1 and deleted_at is null and ($2::bigint is null or space_id = $2)
  and ($3::text is null or name = $3);

-- name: change_product
-- A name that is given anew may be another product's too, whoever made this one.
update product set name = coalesce($2, name), shares_name = shares_name or coalesce($2 <> name, false),
       facts = facts || $3::jsonb
where product_id = $1;
