-- The lives of a device's name: each registration begins one, which has nothing of those before.

-- name: make_device
-- A new device, or a tombstone revived as a new one, which leaves behind what it was known by. Returns the number of its
-- life; no row comes back when the name is taken.
with past as (
    insert into device_past (device_id, life, iot_id, public_id)
    select device_id, life, iot_id, public_id from device where device_id = :device_id and deleted_at is not null
    on conflict do nothing
)
insert into device as d (device_id, product_id, name, secret, iot_id, nickname, created_at, modified_at)
values (:device_id, :product_id, :name, :secret, :iot_id, :nickname, :now, :now)
on conflict (device_id) do update
set product_id = excluded.product_id, secret = excluded.secret, iot_id = excluded.iot_id,
    nickname = excluded.nickname, enabled = true, created_at = excluded.created_at,
    modified_at = excluded.modified_at, activated_at = null, deleted_at = null, public_id = null, description = null,
    secondary_secret = null, sdk_version = null, facts = '{}', life = d.life + 1
where d.deleted_at is not null
returning d.life;

-- name: make_devices
-- A batch of devices and its list, if it has a number, in one statement; names that are taken are left out. Returns the
-- others. Tombstones are looked up one by one: to read the fleet instead is cheaper for as long as it is small, and grows with it.
with wanted as (
    select * from unnest(:device_ids::uuid[], :names::text[], :nicknames::text[], :secrets::text[], :iot_ids::text[],
                         :public_ids::text[], :descriptions::text[])
        with ordinality as w(device_id, name, nickname, secret, iot_id, public_id, description, place)
), past as (
    insert into device_past (device_id, life, iot_id, public_id)
    select w.device_id, d.life, d.iot_id, d.public_id
    from wanted w cross join lateral (
        select life, iot_id, public_id from device where device_id = w.device_id and deleted_at is not null offset 0
    ) d
    order by w.device_id
    on conflict do nothing
), made as (
    insert into device as d (device_id, product_id, name, nickname, secret, iot_id, public_id, description, created_at,
                             modified_at)
    select device_id, :product_id, name, nickname, secret, iot_id, public_id, description, :now, :now
    from wanted order by device_id
    on conflict (device_id) do update
    set product_id = excluded.product_id, secret = excluded.secret, iot_id = excluded.iot_id,
        nickname = excluded.nickname, enabled = true, created_at = excluded.created_at,
        modified_at = excluded.modified_at, activated_at = null, deleted_at = null, public_id = excluded.public_id,
        description = excluded.description, secondary_secret = null, sdk_version = null, facts = '{}', life = d.life + 1
    where d.deleted_at is not null
    returning d.device_id, d.life
), listed as (
    insert into registered (apply_id, place, device_id, name, life)
    select :apply_id, place, device_id, name, made.life from wanted join made using (device_id)
    where :apply_id::bigint is not null
)
select device_id, name, made.life from wanted join made using (device_id);

-- name: forget_past
-- What devices said, where they were connected and belonged: a report that raced with their deletion may have left some.
-- Whoever holds their connections is told. Returns of which products they were counted as online devices.
with presence_gone as (
    delete from presence where device_id = any(:device_ids::uuid[]) returning node_id, device_id, connection_id, counted_in
), told as (
    insert into shut_out (node_id, device_id, connection_id)
    select node_id, device_id, connection_id from presence_gone where node_id is not null
), silent as (
    delete from heard where device_id = any(:device_ids::uuid[])
), tags_gone as (
    delete from device_tag where device_id = any(:device_ids::uuid[])
), membership_gone as (
    delete from group_member where device_id = any(:device_ids::uuid[])
), topology_gone as (
    delete from topology where device_id = any(:device_ids::uuid[]) or gateway_id = any(:device_ids::uuid[])
)
select counted_in from presence_gone where counted_in is not null;

-- name: tasks_of_the_past
-- Whether one of these tasks is of a life of its device that is over.
select exists (
    select from unnest(:device_ids::uuid[], :job_ids::bigint[], :nths::smallint[]) as w(device_id, job_id, nth)
    join task t using (device_id, job_id, nth) join device d using (device_id) where d.life <> t.life);

-- name: delete_devices
-- Locked devices become tombstones; `forget_past` forgets what they said, where they were connected and belonged.
update device set deleted_at = :now, modified_at = :now where device_id = any(:device_ids::uuid[])
returning product_id, (activated_at is not null)::int as is_active;

-- name: lock_unburied
-- Devices that live on in products which are gone, as far as nobody else has them.
select d.device_id from product p cross join lateral (
    select device_id from device where product_id = p.product_id and deleted_at is null order by device_id limit :at_most
) u join device d on d.device_id = u.device_id
where p.deleted_at is not null and d.deleted_at is null
order by d.device_id limit :at_most for no key update of d skip locked;
