-- What devices say of themselves, and what its meaning depends on.

-- name: save_versions
-- What devices say they run; null is unknown, and says each time when it was said. What a result told (:by_result) stands until
-- a report comes, and what a device reported itself where the result tells the same.
insert into module_version (device_id, module, version, reported_at, by_result)
select n.device_id, n.module, n.version, :now, :by_result
from unnest(:device_ids::uuid[], :modules::text[], :versions::text[]) as n(device_id, module, version)
order by n.device_id, n.module
on conflict (device_id, module) do update
set version = excluded.version, reported_at = excluded.reported_at, by_result = excluded.by_result
where module_version.version is distinct from excluded.version or module_version.by_result or excluded.version is null;

-- name: save_spellings
update module_version v set said = n.said from unnest(:device_ids::uuid[], :modules::text[], :said::text[]) as n(device_id, module, said)
where v.device_id = n.device_id and v.module = n.module and v.said is distinct from n.said;

-- name: save_sdks
update device d set sdk_version = n.version from unnest(:device_ids::uuid[], :versions::text[]) as n(device_id, version)
where d.device_id = n.device_id and d.sdk_version is distinct from n.version;

-- name: former_destinations
-- Where cancelled tasks of this life of theirs would have brought devices, by whichever way: some were offered before.
select distinct t.device_id, t.module, p.version
from task t join device d on d.device_id = t.device_id and d.life = t.life
join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where t.device_id = any(:device_ids::uuid[]) and t.state = 'CANCELED';

-- name: choices
-- What each of these jobs may install: its package, or those that it chooses from.
select j.job_id, p.package_id, p.version, p.product_id, p.source_versions
from job j join job_package c using (job_id) join package p on p.package_id = c.package_id
where j.job_id = any(:job_ids::bigint[]) and p.deleted_at is null order by j.job_id, c.place;
