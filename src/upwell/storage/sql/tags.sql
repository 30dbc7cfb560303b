-- Tags of devices: a key has one value on a device.

-- name: set_tags
insert into device_tag (device_id, key, value, account_id)
select :device_id, w.key, w.value, :account_id from unnest(:keys::text[], :values::text[]) as w(key, value)
on conflict (device_id, key) do update set value = excluded.value;

-- name: count_tags
select count(*) from device_tag where device_id = :device_id;

-- name: lacking_tag
-- The first of these keys that the device has not.
select w.key from unnest(:keys::text[]) with ordinality as w(key, place)
where not exists (select from device_tag t where t.device_id = :device_id and t.key = w.key) order by w.place limit 1;

-- name: delete_tags
delete from device_tag where device_id = :device_id and key = any(:keys::text[]);

-- name: list_tags
-- The pairs of the account behind one, in their order, and how many devices have each, as far as they are counted: a probe of
-- the index for each pair, and none passes over its devices.
with recursive pair as (
    (
        select key, value from device_tag where account_id = :account_id and (key, value) > (:key, :value)
        order by key, value limit 1
    )
    union all
    select n.key, n.value from pair p cross join lateral (
        select t.key, t.value from device_tag t where t.account_id = :account_id and (t.key, t.value) > (p.key, p.value)
        order by t.key, t.value limit 1
    ) n
)
select p.key, p.value, (
    select count(*) from (
        select from device_tag t where t.account_id = :account_id and t.key = p.key and t.value = p.value limit :most
    ) c
) as devices
from (select key, value from pair limit :take) p;
