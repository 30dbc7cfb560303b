-- Modules of products besides `default`, which always exists and has no row.

-- name: make_module
-- No row comes back when the name is taken, whatever its case.
insert into module (product_id, module_id, name, alias, description, created_at, modified_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict do nothing returning name;

-- name: count_modules
-- Without those of these names.
select count(*) from module where product_id = $1 and name <> all($2::text[]);

-- name: update_module
update module set alias = coalesce($3, alias), description = coalesce($4, description), modified_at = $5
where product_id = $1 and lower(name) = lower($2) returning name;

-- name: lock_module
-- No package of it can be made until this transaction ends.
select name from module where product_id = $1 and lower(name) = lower($2) for update;

-- name: has_packages
select exists (select from package where product_id = $1 and lower(module) = lower($2) and deleted_at is null);

-- name: delete_module
delete from module where product_id = $1 and lower(name) = lower($2);

-- name: product_age
select created_at from product where product_id = $1;

-- name: list_modules
select name, alias, description, created_at, modified_at from module where product_id = $1 order by name;

-- name: count_module_versions
select count(*) from module_version where device_id = $1;

-- name: page_of_module_versions
-- By module; each under its declared name, or as the device spelt it.
select coalesce(m.name, v.said, v.module) as module, coalesce(v.version, '') as version
from module_version v join device d using (device_id)
left join module m on m.product_id = d.product_id and lower(m.name) = v.module
where v.device_id = $1 order by v.module limit $2 offset $3;

-- name: show_module
-- A module by its number, and its space; not one of these names.
select m.module_id, m.product_id, m.name, m.alias, m.description, m.created_at, m.modified_at, p.product_key,
       p.name as product_name, s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from module m join product p using (product_id) join space s using (space_id)
where p.account_id = $1 and m.module_id = $2 and p.deleted_at is null and m.name <> all($3::text[]);

-- name: scan_modules
-- From new to old, below a number; without those of these names.
select m.module_id, m.product_id, m.name, m.alias, m.description, m.created_at, m.modified_at, p.product_key,
       p.name as product_name, s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from module m join product p using (product_id) join space s using (space_id)
where p.account_id = $1 and p.deleted_at is null and ($2::bigint is null or p.space_id = $2)
  and ($3::text is null or p.product_key = $3) and m.name <> all($4::text[])
  and ($5::bigint is null or m.module_id < $5)
order by m.module_id desc limit $6 offset $7;

-- name: count_scanned_modules
select count(*) from module m join product p using (product_id)
where p.account_id = $1 and p.deleted_at is null and ($2::bigint is null or p.space_id = $2)
  and ($3::text is null or p.product_key = $3) and m.name <> all($4::text[]);
