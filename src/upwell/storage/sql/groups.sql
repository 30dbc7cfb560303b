-- Groups of devices. `{condition}` is where storage/search.py puts who is in a group: of a static one that a device is
-- its member, of a dynamic one its condition.

-- name: lock_account
-- One group is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: count_all
select count(*) from device_group where account_id = :account_id;

-- name: level_of_group
-- 1 at the top, one more for each group it is under.
with recursive up as (
    select super_group_id, 1 as level from device_group where group_id = :group_id
    union all
    select g.super_group_id, up.level + 1 from up join device_group g on g.group_id = up.super_group_id
)
select max(level) from up;

-- name: make_group
-- No row comes back when the name is taken.
insert into device_group (group_id, account_id, space_id, name, description, kind, condition, condition_text,
                          super_group_id, created_at, modified_at)
values (:group_id, :account_id, :space_id, :name, :description, :kind, :condition::jsonb, :condition_text,
        :super_group_id, :now, :now)
on conflict (account_id, space_id, name) do nothing
returning group_id;

-- name: show_group
select g.group_id, g.name, g.description, g.kind, g.condition, g.condition_text, g.super_group_id, g.created_at,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from device_group g join space s using (space_id)
where g.group_id = :group_id and g.account_id = :account_id;

-- name: share_group
-- The group can't be deleted until this transaction ends.
select kind from device_group where group_id = :group_id and account_id = :account_id for share;

-- name: lock_group
-- Nobody is added to it or put under it until this transaction ends.
select kind from device_group where group_id = :group_id and account_id = :account_id for update;

-- name: group_of_job
-- The group whoever asks, with its account.
select group_id, account_id, kind, condition from device_group where group_id = :group_id;

-- name: update_group
update device_group
set name = coalesce(:name, name), description = coalesce(:description, description), modified_at = :now
where group_id = :group_id;

-- name: list_groups
-- Of these groups alone, if they are given.
select g.group_id, g.name, g.description, g.kind, g.condition, g.condition_text, g.super_group_id, g.created_at,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from device_group g join space s using (space_id)
where g.account_id = :account_id and (:space_id::bigint is null or g.space_id = :space_id)
  and (:part::text is null or strpos(g.name, :part) > 0) and (:name::text is null or g.name = :name)
  and (:super_group_id::bigint is null or g.super_group_id = :super_group_id)
  and (cardinality(:kinds::text[]) = 0 or g.kind = any(:kinds))
  and (:changed_after::timestamptz is null or g.modified_at > :changed_after)
  and (:group_ids::bigint[] is null or g.group_id = any(:group_ids))
  and {beyond}
order by {order} limit :take offset :skip;

-- name: count_groups
select count(*) from device_group g
where g.account_id = :account_id and (:space_id::bigint is null or g.space_id = :space_id)
  and (:part::text is null or strpos(g.name, :part) > 0) and (:name::text is null or g.name = :name)
  and (:super_group_id::bigint is null or g.super_group_id = :super_group_id)
  and (cardinality(:kinds::text[]) = 0 or g.kind = any(:kinds))
  and (:changed_after::timestamptz is null or g.modified_at > :changed_after)
  and (:group_ids::bigint[] is null or g.group_id = any(:group_ids));

-- name: has_members
select exists (select from group_member m join device d using (device_id)
               where m.group_id = :group_id and d.deleted_at is null);

-- name: has_sub_groups
select exists (select from device_group where super_group_id = :group_id);

-- name: delete_group
with members_gone as (delete from group_member where group_id = :group_id),
     hours_gone as (delete from device_hours where group_id = :group_id)
delete from device_group where group_id = :group_id;

-- name: static_groups_of
select group_id from group_member where device_id = :device_id;

-- name: dynamic_groups
select group_id, kind, condition from device_group where account_id = :account_id and kind = 'dynamic' order by group_id;

-- name: fits
-- Which of several conditions one device fits.
select array[{condition}] from device d join product p using (product_id) left join presence n using (device_id)
where d.device_id = :device_id;

-- name: count_fitting
-- Of the account's live devices, of one product or one space if they are given.
select count(*) as devices, count(d.activated_at) as active,
       count(*) filter (where device_status(d.enabled, n.node_id, d.activated_at) = 'ONLINE') as online
from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = :account_id and p.deleted_at is null and d.deleted_at is null
  and (:product_id::bigint is null or d.product_id = :product_id)
  and (:space_id::bigint is null or p.space_id = :space_id) and {condition};

-- name: newest_fitting
-- Of the newest devices of a product how many fit, and which of those are the newest.
select count(*) as looked, count(*) filter (where w.fits) as fits,
       coalesce((array_agg(w.device_id order by w.created_at desc, w.device_id desc) filter (where w.fits))[:10], '{}')
           as examples
from (
    select d.device_id, d.created_at, {condition} as fits
    from (select * from device where product_id = :product_id and deleted_at is null
          order by created_at desc, device_id desc limit :at_most) d
    join product p using (product_id) left join presence n using (device_id)
) w;

-- name: fitting_among
select d.device_id from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = :account_id and p.deleted_at is null and d.deleted_at is null
  and d.device_id = any(:device_ids::uuid[]) and {condition};

-- name: window_of_members
-- The next members of a static group, by id, and which of them are live devices of the product made until then.
select m.device_id, d.device_id is not null as fits
from (select device_id from group_member
      where group_id = :group_id and (:after::uuid is null or device_id > :after)
      order by device_id limit :size) m
left join device d on d.device_id = m.device_id and d.product_id = :product_id and d.deleted_at is null
     and d.created_at <= :created_until
order by m.device_id;

-- name: window_of_fitting
-- The next devices of a product, by id, and which of them fit.
select d.device_id, {condition} as fits
from (select * from device
      where product_id = :product_id and deleted_at is null and created_at <= :created_until
        and (:after::uuid is null or device_id > :after)
      order by device_id limit :size) d
join product p using (product_id) left join presence n using (device_id)
where p.account_id = :account_id and p.deleted_at is null
order by d.device_id;
