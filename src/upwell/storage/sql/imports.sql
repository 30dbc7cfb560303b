-- Imports: lists of devices to be made, and how far each has come.

-- name: lock_account
select pg_advisory_xact_lock(hashtextextended('imports ' || :account_id::bigint, 7386028));

-- name: count_running
select count(*) from device_import where account_id = :account_id and status in ('receiving', 'running');

-- name: make_import
insert into device_import (import_id, account_id, product_key, who, space_id, product_id, form, columns, object_key, size, status,
                           place, rows_read, created_at)
values (:import_id, :account_id, :product_key, :who, :space_id, :product_id, :form, '{}', :object_key, 0, 'receiving', 0, 0, :now);

-- name: begin_import
-- The list is stored whole.
update device_import set status = 'running', size = :size, columns = :columns, place = :place, rows_read = :rows_read
where import_id = :import_id and status = 'receiving' returning import_id;

-- name: drop_import
delete from device_import where import_id = :import_id and status = 'receiving';

-- name: show_import
select import_id, product_key, form, size, status, problem, rows_read, made, existing, refused, created_at, ended_at
from device_import where import_id = :import_id and account_id = :account_id and status <> 'receiving';

-- name: list_imports
select import_id, product_key, form, size, status, problem, rows_read, made, existing, refused, created_at, ended_at
from device_import i
where account_id = :account_id and status <> 'receiving' and (:product_key::text is null or product_key = :product_key)
  and (:space::text is null or exists (
      select from product p join space s using (space_id)
      where p.account_id = i.account_id and p.product_key = i.product_key and p.deleted_at is null and s.key = :space))
  and {beyond}
order by {order} limit :take offset :skip;

-- name: list_problems
-- In the order of the rows, from behind one.
select row_number as "row", parameter, problem, advice from import_problem
where import_id = :import_id and row_number > :after order by row_number limit :take;

-- name: list_imported
-- The devices that live on, in the order of the rows, from behind one.
select i.row_number as "row", coalesce(d.public_id, p.product_key || '_' || d.name) as public_id, d.name, d.device_id, d.secret
from imported i join device d using (device_id, life) join product p using (product_id)
where i.import_id = :import_id and i.row_number > :after and d.deleted_at is null and p.deleted_at is null
order by i.row_number limit :take;

-- name: cancel_import
update device_import set status = 'canceled', ended_at = :now
where import_id = :import_id and account_id = :account_id and status = 'running' returning import_id;

-- name: waiting
-- Those under way; one of which nothing was read yet is new.
select import_id, made + existing + refused = 0 as is_new from device_import where status = 'running'
order by import_id limit :at_most;

-- name: find_running
select import_id, account_id, product_key, who, space_id, product_id, form, columns, object_key, size, place, rows_read, refused
from device_import where import_id = :import_id and status = 'running';

-- name: lock_running
-- No row comes back when it has come further or was cancelled, or while another process is at it.
select import_id from device_import
where import_id = :import_id and status = 'running' and place = :place for update skip locked;

-- name: lock_public_ids
-- As `lock_public_id` of devices, in one order so that no two askers wait for each other.
select pg_advisory_xact_lock(hashtextextended(:account_id::bigint || ' ' || w.id, 7386022))
from (select id from unnest(:public_ids::text[]) as u(id) order by id offset 0) w;

-- name: known
-- Which of these devices live already, as what, and of which row of this import.
select d.device_id, d.public_id, d.secret, (
    select i.row_number from imported i
    where i.import_id = :import_id and i.device_id = d.device_id and i.life = d.life limit 1
) as row_number
from device d where d.device_id = any(:device_ids::uuid[]) and d.deleted_at is null;

-- name: set_tags
insert into device_tag (device_id, key, value, account_id)
select w.device_id, w.key, w.value, :account_id from unnest(:device_ids::uuid[], :keys::text[], :values::text[]) as w(device_id, key, value)
on conflict (device_id, key) do update set value = excluded.value;

-- name: note_made
-- Each looked up by itself, as in `make_devices`.
insert into imported (import_id, row_number, device_id, life)
select :import_id, w.row_number, w.device_id, d.life
from unnest(:row_numbers::int[], :device_ids::uuid[]) as w(row_number, device_id)
cross join lateral (select life from device where device_id = w.device_id offset 0) d;

-- name: note_problems
insert into import_problem (import_id, row_number, parameter, problem, advice)
select :import_id, w.* from unnest(:row_numbers::int[], :parameters::text[], :problems::text[], :advices::text[]) as w;

-- name: move_on
update device_import
set place = :place, rows_read = :rows_read, made = made + :made, existing = existing + :existing,
    refused = refused + :refused, status = case when :is_over then 'done' else status end,
    ended_at = case when :is_over then :now::timestamptz end
where import_id = :import_id;

-- name: tell_trouble
update device_import set problem = :problem where import_id = :import_id and status = 'running';

-- name: fail_import
update device_import set status = 'failed', problem = :problem, ended_at = :now
where import_id = :import_id and status = 'running';

-- name: left_objects
-- Lists that nobody reads any more.
select import_id, object_key, status = 'receiving' as is_broken from device_import
where not object_gone and (status in ('done', 'failed', 'canceled') or (status = 'receiving' and created_at < :before))
order by created_at limit :at_most;

-- name: object_gone
update device_import set object_gone = true where import_id = :import_id;
