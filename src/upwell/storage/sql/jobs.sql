-- Jobs: made and changed by their owners; filled with tasks, ended and opened again by the engine.

-- name: packages_for_job
-- These packages of the account, locked so that their status and their deletion wait for the job to exist.
select p.package_id, p.product_id, p.status, p.object_state, p.object_problem, p.is_delta, p.source_version,
       p.source_versions as follows, p.leads, p.version, lower(p.module) as module, p.size,
       jsonb_array_length(p.files) as file_count, pr.space_id
from package p left join product pr using (product_id)
where p.account_id = :account_id and p.package_id = any(:package_ids::bigint[]) and p.deleted_at is null
order by p.package_id for update of p;

-- name: has_package
select exists (select from package where package_id = :package_id and account_id = :account_id and deleted_at is null);

-- name: product_of_account
select product_id from product where product_key = :product_key and account_id = :account_id and deleted_at is null;

-- name: devices_by_name
select d.device_id, d.name from device d
where d.product_id = :product_id and d.name = any(:names::text[]) and d.deleted_at is null;

-- name: unknown_devices
-- Up to ten of these that are no live devices of the product.
select w.device_id from unnest(:device_ids::uuid[]) as w(device_id)
where not exists (select from device d
                  where d.device_id = w.device_id and d.product_id = :product_id and d.deleted_at is null)
limit 10;

-- name: groups_of_account
select group_id, kind from device_group where account_id = :account_id and group_id = any(:group_ids::bigint[]);

-- name: modes_of_group
-- How the running dynamic jobs of a group treat their devices.
select distinct multi_module, overwrite from job
where group_id = :group_id and kind = 'dynamic' and status = 'IN_PROGRESS' and job_id <> :besides;

-- name: verified_by_tasks
-- Whether a running verify job of the package has devices to try it on.
select exists (select from job j where j.package_id = :package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'
               and (not j.materialised or exists (select from task t where t.job_id = j.job_id)));

-- name: add_job
-- A job of its first moment; the unique index on running dynamic jobs decides between two of one package.
insert into job (job_id, account_id, product_id, package_id, kind, selection, status, source_versions, gray_percent,
                 retry_interval_min, retry_count, timeout_min, maximum_per_min, overwrite, need_push, need_confirm,
                 protocol, tags, multi_module, dynamic_mode, group_id, listed, scheduled_at, finish_at, materialised,
                 asks_version, name, part, ext_info, by_gateway, facts, targets, group_ids,
                 open_wave, unapproved, undoes, led_from, made_by, created_at, modified_at, started_at)
values (:job_id, :account_id, :product_id, :package_id, :kind, :selection, :status, :source_versions, :gray_percent,
        :retry_interval_min, :retry_count, :timeout_min, :maximum_per_min, :overwrite, :need_push, :need_confirm,
        :protocol, :tags, :multi_module, :dynamic_mode, :group_id, :listed, :scheduled_at, :finish_at, :materialised,
        :asks_version, :name, :part, :ext_info, :by_gateway, :facts, :targets, :group_ids,
        :open_wave, :unapproved, :undoes, :led_from, :made_by, :now, :now, case when :status = 'IN_PROGRESS' then :now::timestamptz end);

-- name: has_begun
select status <> 'PLANNED' from job where job_id = :job_id;

-- name: add_choices
insert into job_package (job_id, package_id, place) select :job_id, id, place
from unnest(:package_ids::bigint[]) with ordinality as w(id, place);

-- name: add_strays
insert into job_stray (job_id, device_id, name) select :job_id, w.device_id, w.name
from unnest(:device_ids::uuid[], :names::text[]) as w(device_id, name);

-- name: lock_job
-- A job of the account, locked; with `asking` one that asks for versions and was not deleted.
select j.job_id, j.maximum_per_min, j.kind, j.selection, j.status, j.package_id, j.product_id, j.source_versions,
       j.retry_interval_min, j.multi_module, j.dynamic_mode, j.group_id, j.need_confirm, lower(p.module) as module, p.version, p.is_delta,
       p.source_version, p.source_versions as follows, j.led_from, j.part, j.materialised, j.outcome,
       j.stop_asked_at is not null as stop_asked, j.paused_at, j.unapproved, j.scheduled_at, j.overwrite, j.status_desc,
       j.forgotten_to
from job j join package p using (package_id)
where j.job_id = :job_id and j.account_id = :account_id
  and (not :asking::boolean or (j.part <> '' and j.deleted_at is null)) for update of j;

-- name: update_job
update job set maximum_per_min = coalesce(:maximum_per_min, maximum_per_min), tags = coalesce(:tags, tags),
               timeout_min = coalesce(:timeout_min, timeout_min), source_versions = coalesce(:source_versions, source_versions), modified_at = :now
where job_id = :job_id;

-- name: refill_job
-- Start again from the first device: those that have a task of the job keep it.
update job set cursor_device = null, materialised = false, looked = 0 where job_id = :job_id;

-- name: delete_job
update job set deleted_at = :now, modified_at = :now where job_id = :job_id;

-- name: stones
-- The packages by which devices may be led to one of the module: judged and there, the newest first. They stay until the
-- transaction ends.
select package_id, version, case when is_delta then array[source_version] else source_versions end as follows, size,
       jsonb_array_length(files) as file_count
from package
where product_id = :product_id and lower(module) = :module and package_id <> :package_id and deleted_at is null
  and status in ('verified', 'exempt') and object_state = 'ok'
order by package_id desc limit :at_most for share;

-- name: add_steps
insert into job_step (job_id, version, package_id)
select :job_id, version, package_id from unnest(:versions::text[], :package_ids::bigint[]) as s(version, package_id);

-- name: step_sources
-- The versions from which a job leads.
select version from job_step where job_id = :job_id order by version;

-- name: sizes
select package_id, size from package where package_id = any(:package_ids::bigint[]);
