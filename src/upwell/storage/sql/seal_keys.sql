-- The keys that secrets are encrypted with, and secrets that are read to be encrypted with another one: so many rows at
-- once, from behind one, in the order of their key; and written where nobody wrote another meanwhile.

-- name: lock_seal_keys
-- Who adds a key and who takes one away come one after the other.
lock table seal_key in share row exclusive mode;

-- name: seal_keys
select key_id, check_value, added_at, whole_at from seal_key order by added_at, key_id;

-- name: add_seal_key
insert into seal_key (key_id, check_value, added_at, whole_at)
values (:key_id, :check_value, :now::timestamptz, case when exists (select from product) or exists (select from access_key)
                                            or exists (select from secret) then null else :now::timestamptz end)
on conflict (key_id) do nothing;

-- name: is_whole
-- All secrets are encrypted with this one, or with none where it is empty.
update seal_key set whole_at = :now where key_id = :key_id;

-- name: forget_seal_keys
-- All but this one.
delete from seal_key where key_id <> :key_id returning key_id;

-- name: nodes_that_seal
-- Processes that serve, with what they encrypt with.
select node_id, sealed_by, opens from node where lease_until > clock_timestamp() order by node_id;

-- name: device
select device_id::text as id, secret as first, secondary_secret as second from device
where device_id > :after::uuid order by device_id limit :at_most;

-- name: reseal_device
update device d set secret = w.first, secondary_secret = w.second
from unnest(:ids::text[], :firsts::text[], :seconds::text[], :had_firsts::text[], :had_seconds::text[])
    as w(id, first, second, had_first, had_second)
where d.device_id = w.id::uuid and d.secret = w.had_first and d.secondary_secret is not distinct from w.had_second
returning 1;

-- name: product
select product_id::text as id, product_secret as first, null::text as second from product
where product_id > :after::bigint order by product_id limit :at_most;

-- name: reseal_product
update product d set product_secret = w.first
from unnest(:ids::text[], :firsts::text[], :seconds::text[], :had_firsts::text[], :had_seconds::text[])
    as w(id, first, second, had_first, had_second)
where d.product_id = w.id::bigint and d.product_secret = w.had_first
returning 1;

-- name: access_key
select key_id as id, secret as first, null::text as second from access_key
where key_id > :after::text order by key_id limit :at_most;

-- name: reseal_access_key
update access_key d set secret = w.first
from unnest(:ids::text[], :firsts::text[], :seconds::text[], :had_firsts::text[], :had_seconds::text[])
    as w(id, first, second, had_first, had_second)
where d.key_id = w.id and d.secret = w.had_first
returning 1;

-- name: hook_action
select action_id::text as id, token as first, null::text as second from hook_action
where action_id > :after::bigint order by action_id limit :at_most;

-- name: reseal_hook_action
update hook_action d set token = w.first
from unnest(:ids::text[], :firsts::text[], :seconds::text[], :had_firsts::text[], :had_seconds::text[])
    as w(id, first, second, had_first, had_second)
where d.action_id = w.id::bigint and d.token = w.had_first
returning 1;

-- name: receiver
select receiver_id::text as id, secret as first, former_secret as second from receiver
where receiver_id > :after::bigint order by receiver_id limit :at_most;

-- name: reseal_receiver
update receiver d set secret = w.first, former_secret = w.second
from unnest(:ids::text[], :firsts::text[], :seconds::text[], :had_firsts::text[], :had_seconds::text[])
    as w(id, first, second, had_first, had_second)
where d.receiver_id = w.id::bigint and d.secret = w.had_first and d.former_secret is not distinct from w.had_second
returning 1;

-- name: secret
-- The platform's own, of which there are a few.
select name as id, value from secret order by name;

-- name: reseal_secret
update secret set value = :value where name = :id and value = :had returning 1;
