-- Devices that ran a version before and may be brought back there.

-- name: of_product
-- Of so many that have left the version those that a job would take.
with gone as materialized (
    select device_id from version_past
    where product_id = :product_id and module = :module and version = :version limit :at_most
)
select d.device_id from gone s join device d using (device_id)
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.product_id = :product_id and d.deleted_at is null
  and misfit(mv.version, :version, :versions, :delta_source, :led_from) is null;

-- name: of_devices
-- The same among these devices.
with gone as materialized (
    select v.device_id from unnest(:device_ids::uuid[]) as n(device_id)
    join version_past v on v.device_id = n.device_id and v.module = :module and v.version = :version limit :at_most
)
select d.device_id from gone s join device d using (device_id)
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
where d.product_id = :product_id and d.deleted_at is null
  and misfit(mv.version, :version, :versions, :delta_source, :led_from) is null;
