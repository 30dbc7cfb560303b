-- Modules of products besides `default`, which always exists and has no row.

-- name: make_module
-- No row comes back when the name is taken, whatever its case.
insert into module (product_id, module_id, name, alias, description, created_at, modified_at)
values (:product_id, :module_id, :name, :alias, :description, :now, :now)
on conflict do nothing returning name;

-- name: count_modules
-- Without those of these names.
select count(*) from module where product_id = :product_id and name <> all(:without::text[]);

-- name: update_module
update module
set alias = coalesce(:alias, alias), description = coalesce(:description, description), modified_at = :now
where product_id = :product_id and lower(name) = lower(:name);

-- name: lock_module
-- No package of it can be made until this transaction ends.
select name from module where product_id = :product_id and lower(name) = lower(:name) for update;

-- name: has_packages
select exists (select from package
               where product_id = :product_id and lower(module) = lower(:name) and deleted_at is null);

-- name: delete_module
delete from module where product_id = :product_id and lower(name) = lower(:name);

-- name: find_module
-- The product and the name of a module by its number; not one of these names.
select m.product_id, m.name from module m join product p using (product_id)
where p.account_id = :account_id and m.module_id = :module_id and p.deleted_at is null
  and m.name <> all(:without::text[]);

-- name: show_module
select m.module_id, m.name, m.alias, m.description, m.created_at, m.modified_at, p.product_key,
       p.name as product_name, s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from module m join product p using (product_id) join space s using (space_id)
where m.product_id = :product_id and lower(m.name) = lower(:name);

-- name: whole_module
-- The whole device as a module of the product, and as old.
select null::bigint as module_id, :name::text as name, null::text as alias, null::text as description, p.created_at,
       p.created_at as modified_at, p.product_key, p.name as product_name, s.key as space_key, s.name as space_name,
       s.space_id = s.account_id as space_is_default, s.created_at as space_created_at
from product p join space s using (space_id) where p.product_id = :product_id;

-- name: list_modules
-- From new to old, below a number, or by name; without those of these names.
select m.module_id, m.name, m.alias, m.description, m.created_at, m.modified_at, p.product_key,
       p.name as product_name, s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from module m join product p using (product_id) join space s using (space_id)
where p.account_id = :account_id and p.deleted_at is null and (:space_id::bigint is null or p.space_id = :space_id)
  and (:product_key::text is null or p.product_key = :product_key) and m.name <> all(:without::text[])
  and (:below::bigint is null or m.module_id < :below)
order by case when :by_name::boolean then m.name end, m.module_id desc limit :take offset :skip;

-- name: count_listed
select count(*) from module m join product p using (product_id)
where p.account_id = :account_id and p.deleted_at is null and (:space_id::bigint is null or p.space_id = :space_id)
  and (:product_key::text is null or p.product_key = :product_key) and m.name <> all(:without::text[]);

-- name: count_module_versions
select count(*) from module_version where device_id = :device_id;

-- name: list_module_versions
-- By module; each under its declared name, or as the device spelt it.
select coalesce(m.name, v.said, v.module) as module, coalesce(v.version, '') as version
from module_version v join device d using (device_id)
left join module m on m.product_id = d.product_id and lower(m.name) = v.module
where v.device_id = :device_id order by v.module limit :take offset :skip;
