-- Packages, of uploaded files or made from objects in their owners' buckets.

-- name: lock_account
-- One package is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: count_live
select count(*) from package where account_id = :account_id and deleted_at is null;

-- name: count_stored
-- Those of objects.
select count(*) from package where account_id = :account_id and region is not null and deleted_at is null;

-- name: share_module
-- The module can't be deleted until this transaction ends.
select name from module where product_id = :product_id and lower(name) = lower(:module) for share;

-- name: make_package
-- No row comes back when the name is taken.
insert into package (package_id, account_id, product_id, name, description, module, version, source_version,
                     source_versions, leads, is_delta, status, udi, sign_method, object_key, size, md5, sha256, url, files,
                     object_state, object_tag, looked_at, region, bucket, bucket_key, sign, sign_word, created_at,
                     modified_at)
values (:package_id, :account_id, :product_id, :name, :description, :module, :version, :source_version,
        :source_versions, :leads, :is_delta, :status, :note, :sign_method, :object_key, :size, :md5, :sha256, :url,
        :files::jsonb, :object_state, :object_tag, :looked_at, :region, :bucket, :bucket_key, :sign, :sign_word, :now,
        :now)
on conflict (account_id, name) where deleted_at is null do nothing
returning package_id;

-- name: show_packages
-- Views of packages, in the order of the given ids. One of no product is in no space.
select k.package_id, p.product_key, p.name as product_name, k.name, k.description, k.module, k.version,
       k.source_version, k.is_delta, k.status, k.size, k.md5, k.sha256, k.url, k.udi as note, k.created_at,
       k.modified_at, k.files, k.sign_method, k.region, k.bucket, k.bucket_key, k.sign, k.sign_word, k.object_state,
       case when k.is_delta then array[k.source_version] else k.source_versions end as source_versions, k.leads,
       case k.status
           when 'verified' then 100
           when 'verifying' then coalesce((
               select avg(t.progress)::int from job j join task t using (job_id)
               where j.package_id = k.package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'), 0)
           else 0 end as verify_progress,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from unnest(:package_ids::bigint[]) with ordinality as w(package_id, place)
join package k using (package_id) left join product p using (product_id) left join space s on s.space_id = p.space_id
where k.account_id = :account_id and k.deleted_at is null
order by w.place;

-- name: count_packages
select count(*) from package k left join product p using (product_id)
where k.account_id = :account_id and k.deleted_at is null and (not :in_space or p.product_id is not null)
  and (:space_id::bigint is null or p.space_id = :space_id)
  and (:product_key::text is null or p.product_key = :product_key)
  and (:module::text is null or k.module = :module) and k.module <> all(:without::text[])
  and (:version::text is null or k.version = :version);

-- name: list_packages
select k.package_id from package k left join product p using (product_id)
where k.account_id = :account_id and k.deleted_at is null and (not :in_space or p.product_id is not null)
  and (:space_id::bigint is null or p.space_id = :space_id)
  and (:product_key::text is null or p.product_key = :product_key)
  and (:module::text is null or k.module = :module) and k.module <> all(:without::text[])
  and (:version::text is null or k.version = :version)
  and {beyond}
order by {order} limit :take offset :skip;

-- name: lock_package
-- No job can be made for the package until this transaction ends (jobs are made under `for share`).
select package_id from package
where package_id = :package_id and account_id = :account_id and deleted_at is null for update;

-- name: package_for_change
select product_id from package
where package_id = :package_id and account_id = :account_id and deleted_at is null for no key update;

-- name: update_package
update package set name = coalesce(:name, name), description = coalesce(:description, description),
       udi = coalesce(:note, udi), modified_at = :now
where package_id = :package_id;

-- name: has_running_job
-- One that was halted, makes no more tasks and has none to which anything can happen brings it out no more: its tasks may
-- still be following, and its end be written down.
select exists (
    select from job j
    where j.job_id in (select job_id from job where package_id = :package_id and status in ('PLANNED', 'IN_PROGRESS')
                       union all select job_id from job_package where package_id = :package_id
                       union all select job_id from job_step where package_id = :package_id)
      and j.status in ('PLANNED', 'IN_PROGRESS')
      and (j.status = 'PLANNED' or j.kind <> 'static' or not j.materialised or j.acts = 0
           or exists (select from job_act a where a.job_id = j.job_id and a.done_at is null and a.what <> 'halt')
           or (select sum(c.n) from job_count c
               where c.job_id = j.job_id and is_open(c.state)
                 and not exists (select from halt_of(c.job_id, c.acts, c.state))) > 0));

-- name: delete_package
update package set deleted_at = :now, modified_at = :now where package_id = :package_id;

-- name: leading
-- The module's packages that lead.
select package_id, version, case when is_delta then array[source_version] else source_versions end as follows
from package where product_id is not distinct from :product_id and lower(module) = lower(:module) and leads and deleted_at is null;
