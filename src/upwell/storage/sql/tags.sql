-- Tags of devices: a key has one value on a device.

-- name: set_tags
insert into device_tag (device_id, key, value) select :device_id, w.key, w.value from unnest(:keys::text[], :values::text[]) as w(key, value)
on conflict (device_id, key) do update set value = excluded.value;

-- name: count_tags
select count(*) from device_tag where device_id = :device_id;

-- name: lacking_tag
-- The first of these keys that the device has not.
select w.key from unnest(:keys::text[]) with ordinality as w(key, place)
where not exists (select from device_tag t where t.device_id = :device_id and t.key = w.key) order by w.place limit 1;

-- name: delete_tags
delete from device_tag where device_id = :device_id and key = any(:keys::text[]);
