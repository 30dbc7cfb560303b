-- Spaces, the partitions of an account's products. The default space has the account's id.

-- name: lock_account
-- One space is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: count_spaces
select count(*) from space where account_id = :account_id;

-- name: make_space
insert into space (space_id, account_id, key, name, created_at) values (:space_id, :account_id, :key, :name, :now);

-- name: find_space
-- By its key, or the default one.
select space_id, key as space_key, name as space_name, space_id = account_id as space_is_default,
       created_at as space_created_at
from space
where account_id = :account_id and (:key::text is null and space_id = :account_id or key = :key);

-- name: share_space
-- As find_space; the space can't be deleted until this transaction ends.
select space_id, key as space_key, name as space_name, space_id = account_id as space_is_default,
       created_at as space_created_at
from space
where account_id = :account_id and (:key::text is null and space_id = :account_id or key = :key) for share;

-- name: lock_space
-- As find_space; nothing is put into it until this transaction ends.
select space_id, key as space_key, name as space_name, space_id = account_id as space_is_default,
       created_at as space_created_at
from space
where account_id = :account_id and (:key::text is null and space_id = :account_id or key = :key) for update;

-- name: list_spaces
select space_id, key as space_key, name as space_name, space_id = account_id as space_is_default,
       created_at as space_created_at
from space
where account_id = :account_id and (:is_default::boolean is null or (space_id = account_id) = :is_default)
  and (:key::text is null or key = :key)
order by {order};

-- name: rename_space
update space set name = :name where space_id = :space_id;

-- name: has_running_job
select exists (select from job j join product p using (product_id)
               where p.space_id = :space_id and j.status in ('PLANNED', 'IN_PROGRESS'));

-- name: lock_products
-- No device can be registered in them until this transaction ends.
select product_id from product where space_id = :space_id and deleted_at is null order by product_id for update;

-- name: some_devices
select device_id from device where product_id = any(:product_ids::bigint[]) and deleted_at is null
order by device_id limit :most for no key update;

-- name: delete_space
-- With all that is left in it: products, their modules and packages, groups, and the hooks that are about it alone.
with news_gone as (
    delete from news where action_id in (select a.action_id from hook_action a join hook h using (hook_id)
                                         where h.space_id = :space_id)
), actions_gone as (
    delete from hook_action where hook_id in (select hook_id from hook where space_id = :space_id)
), hooks_gone as (
    delete from hook where space_id = :space_id
), packages_gone as (
    update package set deleted_at = :now, modified_at = :now
    where product_id = any(:product_ids::bigint[]) and deleted_at is null
), modules_gone as (
    delete from module where product_id = any(:product_ids::bigint[])
), policies_gone as (
    delete from policy where product_id = any(:product_ids::bigint[])
), members_gone as (
    delete from group_member where group_id in (select group_id from device_group where space_id = :space_id)
), groups_gone as (
    delete from device_group where space_id = :space_id
), products_gone as (
    update product set deleted_at = :now where product_id = any(:product_ids::bigint[])
)
delete from space where space_id = :space_id;

-- name: has_foreign_sub_groups
-- Whether a group of another space is under one of this space.
select exists (select from device_group g join device_group s on s.group_id = g.super_group_id
               where s.space_id = :space_id and g.space_id <> :space_id);
