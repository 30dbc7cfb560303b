-- What lies in the part of an account that a key is of: one product, or one space. The other is null.

-- name: place
-- The space and the product that a key is of; no row comes back when it is gone.
select s.key as space_key, p.product_key
from (select 1) one
left join product p on p.product_id = :product_id and p.account_id = :account_id and p.deleted_at is null
left join space s on s.account_id = :account_id and s.space_id = coalesce(:space_id, p.space_id)
where s.space_id is not null;

-- name: has_product
select exists (select from product p
               where p.account_id = :account_id and p.product_key = :key and p.deleted_at is null
                 and (p.product_id = :product_id or p.space_id = :space_id));

-- name: has_package
select exists (select from package k join product p using (product_id)
               where k.package_id = :package_id and k.account_id = :account_id and k.deleted_at is null
                 and (p.product_id = :product_id or p.space_id = :space_id));

-- name: has_job
-- One that asks for versions may be about several products.
select exists (select from job j join product p using (product_id)
               where j.job_id = :job_id and j.account_id = :account_id and j.deleted_at is null and j.part = ''
                 and (p.product_id = :product_id or p.space_id = :space_id));

-- name: has_import
select exists (select from device_import i join product p on p.product_key = i.product_key and p.account_id = i.account_id
               where i.import_id = :import_id and i.account_id = :account_id and p.deleted_at is null
                 and (p.product_id = :product_id or p.space_id = :space_id));

-- name: has_group
-- Groups are of spaces, and of no product.
select exists (select from device_group where group_id = :group_id and account_id = :account_id and space_id = :space_id);

-- name: has_key
select exists (select from access_key k
               where k.key_id = :key_id and k.account_id = :account_id
                 and (k.product_id = :product_id or k.space_id = :space_id
                      or exists (select from product p where p.product_id = k.product_id and p.space_id = :space_id)));

-- name: devices
-- Those of these devices that live there.
select d.device_id, d.iot_id from device d join product p using (product_id)
where d.device_id = any(:device_ids::uuid[]) and p.account_id = :account_id and d.deleted_at is null and p.deleted_at is null
  and (p.product_id = :product_id or p.space_id = :space_id);

-- name: has_plan
select exists (select from survey s join product p using (product_id)
               where s.survey_id = :plan_id and s.account_id = :account_id and s.what = 'plan' and p.deleted_at is null
                 and (p.product_id = :product_id or p.space_id = :space_id));
