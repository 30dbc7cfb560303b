-- Devices and accounts erased: what is known of them, how far it has come, rows of any table by what they say (ADR 0068).

-- name: tombstones
-- Deleted devices that were known by this public id; these are found by an index that has no living ones.
select d.device_id from device d where d.deleted_at is not null and d.public_id = :text order by d.device_id limit :at_most;

-- name: known
-- Of these ids those that lead to a device, with what it is known by.
select d.device_id, d.name, d.public_id, d.iot_id, d.deleted_at, p.account_id, p.product_id, p.product_key
from device d join product p using (product_id)
where d.device_id = any(:device_ids::uuid[]) or (d.deleted_at is null and d.public_id = :text) order by d.device_id limit :at_most;

-- name: pasts
-- What it was known by in its earlier lives.
select iot_id, public_id from device_past where device_id = :device_id order by life;

-- name: products
-- The products of these keys, the newest of each; deleted ones too.
select distinct on (product_key) product_key, product_id, account_id from product
where product_key = any(:product_keys::text[]) order by product_key, product_id desc;

-- name: under_way
-- The erasure of what is known by this text, or by this id.
select * from erasure where what = :what and (sought->'called' ? :text or sought->>'device_id' = :text);

-- name: begin
insert into erasure (pseudonym, word, what, account_id, sought, began_at)
values (:pseudonym, :word, :what, :account_id, :sought::jsonb, :now) returning *;

-- name: make_tombstone
-- Of a device whose own was forgotten, so that nobody takes its name meanwhile.
insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at, deleted_at)
values (:device_id, :product_id, :name, '', '', :now, :now, :now) on conflict do nothing;

-- name: make_pseudonym
-- A tombstone that its tasks are shown with.
insert into device (device_id, product_id, name, secret, iot_id, enabled, created_at, modified_at, deleted_at, life)
select :pseudonym, product_id, :word, '', :iot_id, enabled, :now, :now, deleted_at, life from device
where device_id = :device_id on conflict do nothing;

-- name: hold
-- The tombstone, which is not revived as long as it is held.
select deleted_at is null as lives from device where device_id = :device_id for update;

-- name: let_erase
-- In this transaction alone (migration 0061); and how long it waits for a row that another one holds.
select set_config('upwell.forgets', 'erasure', true), set_config('lock_timeout', :lock_timeout, true);

-- name: tables
-- All tables, with how many blocks each has.
select c.relname as name, pg_relation_size(c.oid) / current_setting('block_size')::int as blocks
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1;

-- name: look
select place, held::text from erasure_look(:of_table, :block, :blocks, :sought::text[], :words);

-- name: write
select erasure_write(:of_table, :place::tid, :was::jsonb, :becomes::jsonb);

-- name: drop
select erasure_drop(:of_table, :place::tid, :was::jsonb);

-- name: analyse
select erasure_analyse(:of_table);

-- name: unmark
-- Where tasks of these jobs stand in their lists is no longer true.
delete from job_mark where job_id = any(:job_ids::bigint[]);

-- name: move_on
update erasure set pass = :pass, at_table = :at_table, block = :block, found = :found, told = :told::jsonb
where pseudonym = :pseudonym;

-- name: begin_again
update erasure set pass = 1, at_table = '', block = 0, found = 0 where pseudonym = :pseudonym;

-- name: owner_of_job
select account_id, product_id from job where job_id = :id;

-- name: owner_of_product
select account_id, product_id from product where product_id = :id;

-- name: owner_of_device
select p.account_id, p.product_id from device d join product p using (product_id) where d.device_id = :id::text::uuid;

-- name: owner_of_receiver
select account_id, null::bigint as product_id from receiver where receiver_id = :id;

-- name: owner_of_import
select account_id, product_id from device_import where import_id = :id;

-- name: owner_of_action
select account_id, null::bigint as product_id from hook_action where action_id = :id;

-- name: owner_of_registration
select account_id, product_id from registration where apply_id = :id;

-- name: waiting
-- What the account has that goes by itself: answers that are kept for whoever repeats a request, and lists of devices.
select (select count(*) from kept_answer where account_id = :account_id) as answers,
       (select count(*) from target_file where account_id = :account_id)
       + (select count(*) from device_import where account_id = :account_id and not object_gone)
       + (select count(*) from upload where account_id = :account_id and purpose = 'devices') as lists;

-- name: end_device
-- The last of it: its own tombstone, the one of its pseudonym where no task has that, and that it was erased.
with own as (
    delete from device where device_id = :device_id
), past as (
    delete from device_past where device_id = :device_id
), empty as (
    delete from device d where d.device_id = :pseudonym and not exists (select from task t where t.device_id = :pseudonym)
)
delete from erasure where pseudonym = :pseudonym;

-- name: node_lives
select exists (select from node where node_id = :node_id::text::uuid and lease_until > clock_timestamp());

-- name: account
-- Held, so that who makes keys of it waits.
select account_id, name from account where name = :name for update;

-- name: running
-- How many rollouts of the account run or are planned, and one of them.
select count(*) as n, min(job_id) as job_id from job
where account_id = :account_id and status in ('PLANNED', 'IN_PROGRESS') and deleted_at is null;

-- name: texts_of_account
-- What means the account alone, beside its number: what we draw by lot, and no product key, which its owner may have chosen.
select key_id as said from access_key where account_id = :account_id and length(key_id) >= :size_min
union select key from space where account_id = :account_id;

-- name: shut_account
-- Nothing comes in any more: its keys and sessions end, its users may not sign in, its products are gone, for whoever makes
-- devices of them too; and its name is free.
with keys as (
    update access_key set revoked_at = coalesce(revoked_at, :now) where account_id = :account_id
), sessions as (
    delete from session where user_id in (select user_id from iam_user where account_id = :account_id)
), tokens as (
    delete from iam_token where user_id in (select user_id from iam_user where account_id = :account_id)
), users as (
    update iam_user set enabled = false where account_id = :account_id
), products as (
    update product set deleted_at = coalesce(deleted_at, :now) where account_id = :account_id
), receivers as (
    update receiver set enabled = false where account_id = :account_id
)
update account set name = :word where account_id = :account_id;

-- name: hold_account
select account_id from account where account_id = :account_id for update;

-- name: keys_by
select key from erasure_keys(:of_table, :key, :by, :ids::text[], :at_most) as f(key);

-- name: drop_by
select erasure_drop_by(:of_table, :by, :ids::text[], :at_most);

-- name: objects_of_account
-- The next keys of what the account has in the store, each with whether another account has the same.
select k.key, exists (select from package o where o.object_key = k.key and o.account_id <> :account_id)
           or exists (select from package o where o.files @> jsonb_build_array(jsonb_build_object('object_key', k.key))
                      and o.account_id <> :account_id)
           or exists (select from upload o where o.object_key = k.key and o.account_id <> :account_id) as is_shared
from (
    select object_key as key from package where account_id = :account_id
    union select f.file ->> 'object_key' from package p cross join lateral jsonb_array_elements(p.files) as f(file)
          where p.account_id = :account_id and f.file ? 'object_key'
    union select object_key from upload where account_id = :account_id
    union select object_key from parted_upload where account_id = :account_id
    union select r.object_key from parted_upload u join upload_part r using (upload_id) where u.account_id = :account_id
    union select object_key from device_import where account_id = :account_id and not object_gone
    union select object_key from target_file where account_id = :account_id
) k
where k.key > :after order by k.key limit :at_most;

-- name: end_account
with gone as (delete from account where account_id = :account_id)
delete from erasure where pseudonym = :pseudonym;

-- name: any_living
select exists (select from product p join device d using (product_id) where p.account_id = :account_id and d.deleted_at is null);

-- name: list
-- Those under way, the oldest first.
select what, word, sought->'called'->>0 as called, began_at, pass, at_table from erasure order by began_at limit :at_most;

-- name: strays
-- What it was called by in jobs that had it as a target when it was no device.
select device_id from job_stray s join job j using (job_id)
where j.account_id = :account_id and s.name = any(:names::text[]) limit :at_most;

-- name: is_dealt
select coalesce((select open_wave >= 0 or ended_at is not null from job where job_id = :job_id), true);
