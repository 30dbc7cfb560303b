-- Modules of products besides `default`, which always exists and has no row.

-- name: make_module
-- No row comes back when the name is taken, whatever its case.
insert into module (product_id, name, alias, description, created_at, modified_at) values ($1, $2, $3, $4, $5, $5)
on conflict do nothing returning name;

-- name: count_modules
select count(*) from module where product_id = $1;

-- name: update_module
update module set alias = coalesce($3, alias), description = coalesce($4, description), modified_at = $5
where product_id = $1 and name = $2 returning name;

-- name: lock_module
-- No package of it can be made until this transaction ends.
select name from module where product_id = $1 and name = $2 for update;

-- name: has_packages
select exists (select from package where product_id = $1 and module = $2 and deleted_at is null);

-- name: delete_module
delete from module where product_id = $1 and name = $2;

-- name: product_age
select created_at from product where product_id = $1;

-- name: list_modules
select name, alias, description, created_at, modified_at from module where product_id = $1 order by name;

-- name: count_module_versions
select count(*) from module_version where device_id = $1;

-- name: page_of_module_versions
select module, version from module_version where device_id = $1 order by module limit $2 offset $3;
