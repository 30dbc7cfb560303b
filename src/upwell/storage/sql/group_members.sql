-- Devices in static groups.

-- name: lock_members
-- One adds to a group at a time where their number is limited; until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('upwell members', :group_id));

-- name: count_members
select count(*) from group_member where group_id = :group_id;

-- name: memberships
-- How many groups each of these devices is in, and whether this one is among them.
select device_id, count(*) as groups, bool_or(group_id = :group_id) as is_member
from group_member where device_id = any(:device_ids::uuid[]) group by device_id;

-- name: add_members
insert into group_member (device_id, group_id, added_at)
select device_id, :group_id, :now from unnest(:device_ids::uuid[]) as w(device_id) order by device_id;

-- name: remove_members
with gone as (
    delete from group_member where group_id = :group_id and device_id = any(:device_ids::uuid[]) returning 1
)
select count(*) from gone;
