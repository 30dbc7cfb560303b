-- Devices with what spaces add to them. `{rule}` is where storage/search.py puts a condition.

-- name: show_devices
-- Views of an account's live devices, in the order of the given ids; the others are left out.
select d.device_id, p.product_key, p.name as product_name, p.facts as product_facts, d.name, d.secret, d.iot_id,
       d.nickname, d.created_at, d.modified_at, d.activated_at, n.online_at, n.offline_at, n.address,
       device_status(d.enabled, n.node_id, d.activated_at) as status,
       coalesce(d.public_id, p.product_key || '_' || d.name) as public_id,
       (select coalesce(g.public_id, gp.product_key || '_' || g.name)
        from topology y join device g on g.device_id = y.gateway_id join product gp on gp.product_id = g.product_id
        where y.device_id = d.device_id) as gateway_id,
       d.description, d.secondary_secret, d.sdk_version, d.facts, greatest(n.online_at, n.offline_at) as status_at,
       (select jsonb_object_agg(coalesce(m.name, v.said, v.module), coalesce(v.version, ''))
        from module_version v left join module m on m.product_id = d.product_id and lower(m.name) = v.module
        where v.device_id = d.device_id) as versions,
       (select jsonb_agg(jsonb_build_array(t.key, t.value) order by t.key)
        from device_tag t where t.device_id = d.device_id) as tags,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from unnest($2::uuid[]) with ordinality as w(device_id, place)
join device d using (device_id) join product p using (product_id) join space s using (space_id)
left join presence n using (device_id)
where p.account_id = $1 and d.deleted_at is null and p.deleted_at is null
order by w.place;

-- name: dress_device
-- What a device just made has beyond any other.
update device set public_id = $2, description = $3, facts = $4::jsonb, secret = coalesce($5, secret)
where device_id = $1;

-- name: implied_taken
-- Whether one of these devices lives without a chosen id, so that this id stands for it.
select exists (select from device d join product p using (product_id)
               where d.device_id = any($1::uuid[]) and d.device_id <> $2 and d.public_id is null
                 and d.deleted_at is null and p.deleted_at is null);

-- name: gateways_above
-- How many devices a device is behind, one behind the other.
with recursive up as (
    select gateway_id, 1 as level from topology where device_id = $1
    union all
    select t.gateway_id, up.level + 1 from up join topology t on t.device_id = up.gateway_id where up.level < $2
)
select coalesce(max(level), 0) from up;

-- name: count_behind
select count(*) from topology where gateway_id = $1;

-- name: put_behind
insert into topology (device_id, gateway_id, added_at) values ($1, $2, $3)
on conflict (device_id) do update set gateway_id = excluded.gateway_id, added_at = excluded.added_at;

-- name: change_device
update device set nickname = coalesce($2, nickname), description = coalesce($3, description), facts = facts || $4::jsonb,
    modified_at = $5
where device_id = $1;

-- name: reset_secret
update device set secret = $2, modified_at = $3 where device_id = $1;

-- name: reset_secondary
update device set secondary_secret = $2, modified_at = $3 where device_id = $1;

-- name: let_go
-- The device is online no more; whoever holds its connection finds out (see nodes.unwelcome).
with gone as (
    update presence set node_id = null, connection_id = null, offline_at = $2
    where device_id = $1 and node_id is not null returning device_id
)
update task set node_id = null
where device_id in (select device_id from gone) and is_open(state);

-- name: lacking_tag
-- The first of these keys that the device has not.
select w.key from unnest($2::text[]) with ordinality as w(key, place)
where not exists (select from device_tag t where t.device_id = $1 and t.key = w.key) order by w.place limit 1;

-- name: remove_tags
delete from device_tag where device_id = $1 and key = any($2::text[]);

-- name: scan_devices
-- Ids from new to old, below a record; each product gives its newest by its index.
select f.device_id, f.created_at from product p cross join lateral (
    select d.device_id, d.created_at from device d left join presence n using (device_id)
    where d.product_id = p.product_id and d.deleted_at is null
      and ($2::timestamptz is null or (d.created_at, d.device_id) < ($2, $3::uuid)) and {rule}
    order by d.created_at desc, d.device_id desc limit $4::bigint + $5::bigint
) f
where p.account_id = $1 and p.deleted_at is null
order by f.created_at desc, f.device_id desc limit $4 offset $5;

-- name: scan_devices_up
-- The same from old to new, from the first on.
select f.device_id, f.created_at from product p cross join lateral (
    select d.device_id, d.created_at from device d left join presence n using (device_id)
    where d.product_id = p.product_id and d.deleted_at is null and {rule}
    order by d.created_at, d.device_id limit $2::bigint + $3::bigint
) f
where p.account_id = $1 and p.deleted_at is null
order by f.created_at, f.device_id limit $2 offset $3;

-- name: count_devices
select count(*) from device d join product p using (product_id) left join presence n using (device_id)
where p.account_id = $1 and p.deleted_at is null and d.deleted_at is null and {rule};
