-- Registrations: batches of devices asked for at once, and what became of each.

-- name: make_registration
insert into registration (apply_id, account_id, product_id, status, asked, created_at, names)
values (:apply_id, :account_id, :product_id, :status, :asked, :now, :names::jsonb);

-- name: taken_names
select name from device where device_id = any(:device_ids::uuid[]) and deleted_at is null;

-- name: lock_checked
-- A batch that was checked, held so that it is registered once.
select r.status, r.names from registration r join product p using (product_id)
where r.apply_id = :apply_id and r.account_id = :account_id and p.product_key = :product_key and r.names is not null
for update of r;

-- name: end_registration
update registration set status = :status, names = :names::jsonb where apply_id = :apply_id;

-- name: show_registration
select r.apply_id, r.status, r.asked, r.created_at, r.names as checked,
       array(select g.name from registered g where g.apply_id = r.apply_id order by g.place) as made
from registration r join product p using (product_id)
where r.apply_id = :apply_id and r.account_id = :account_id and p.product_key = :product_key;
