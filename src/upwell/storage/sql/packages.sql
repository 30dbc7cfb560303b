-- Upload tickets and packages.

-- name: make_ticket
insert into upload (object_key, account_id, created_at, purpose) values ($1, $2, $3, $4);

-- name: begin_upload
-- A ticket begins one upload at a time, and not after its minute.
update upload set begun_at = $2 where object_key = $1 and begun_at is null and created_at > $3 returning object_key;

-- name: abandon_upload
-- Whoever began the upload gives it up: the ticket may begin again.
update upload set begun_at = null where object_key = $1 and finished_at is null;

-- name: find_ticket
select object_key, account_id, created_at, begun_at, finished_at, size, md5, sha256, used
from upload where object_key = $1;

-- name: finish_upload
update upload set finished_at = $2, size = $3, md5 = $4, sha256 = $5
where object_key = $1 and begun_at is not null and finished_at is null returning object_key;

-- name: stale_files
-- Files of uploads that were not used in time, of packages deleted so long ago that no link opens them, and lists of
-- devices that a job has read.
select object_key from upload
where (not used and coalesce(finished_at, created_at) < $1)
   or package_id in (select package_id from package where deleted_at < $2)
   or (used and purpose = 'devices')
limit 100;

-- name: forget_file
delete from upload where object_key = $1;

-- name: lock_account
-- One package is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = $1 for no key update;

-- name: count_live
select count(*) from package where account_id = $1 and deleted_at is null;

-- name: take_ticket
-- The finished, young, unused file of this account and purpose, locked.
select object_key, size, md5, sha256, used from upload
where object_key = $1 and account_id = $2 and finished_at > $3 and purpose = $4 for update;

-- name: use_ticket
-- The file serves from now on: the package $2, or a job when that is null.
update upload set used = true, package_id = $2 where object_key = $1;

-- name: product_of_account
select product_id from product where account_id = $1 and product_key = $2 and deleted_at is null for share;

-- name: share_module
-- The module can't be deleted until this transaction ends.
select name from module where product_id = $1 and lower(name) = lower($2) for share;

-- name: make_package
-- No row comes back when the name is taken.
insert into package (package_id, account_id, product_id, name, description, module, version, source_version, is_delta,
                     status, udi, sign_method, object_key, size, md5, sha256, url, files, created_at, modified_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::jsonb, $19, $19)
on conflict (account_id, name) where deleted_at is null do nothing
returning package_id;

-- name: show_packages
-- Views of packages, in the order of the given ids.
select k.package_id, p.product_key, p.name as product_name, k.name, k.description, k.module, k.version,
       k.source_version, k.is_delta, k.status, k.size, k.md5, k.sha256, k.url, k.udi, k.created_at, k.modified_at,
       k.files, k.sign_method,
       case k.status
           when 'verified' then 100
           when 'verifying' then coalesce((
               select avg(t.progress)::int from job j join task t using (job_id)
               where j.package_id = k.package_id and j.kind = 'verify' and j.status = 'IN_PROGRESS'), 0)
           else 0 end as verify_progress
from unnest($2::bigint[]) with ordinality as w(package_id, place)
join package k using (package_id)
left join product p using (product_id)
where k.account_id = $1 and k.deleted_at is null
order by w.place;

-- name: count_packages
select count(*) from package k left join product p using (product_id)
where k.account_id = $1 and k.deleted_at is null
  and ($2::text is null or p.product_key = $2) and ($3::text is null or k.version = $3);

-- name: page_of_packages
select k.package_id from package k left join product p using (product_id)
where k.account_id = $1 and k.deleted_at is null
  and ($2::text is null or p.product_key = $2) and ($3::text is null or k.version = $3)
order by k.package_id desc limit $4 offset $5;

-- name: lock_package
-- No job can be made for the package until this transaction ends (jobs are made under `for share`).
select package_id from package where package_id = $1 and account_id = $2 and deleted_at is null for update;

-- name: package_for_change
select product_id from package where package_id = $1 and account_id = $2 and deleted_at is null for no key update;

-- name: modify_package
update package set name = coalesce($2, name), description = coalesce($3, description), udi = coalesce($4, udi),
       modified_at = $5
where package_id = $1;

-- name: has_running_job
select exists (select from job where package_id = $1 and status in ('PLANNED', 'IN_PROGRESS'))
    or exists (select from job_package c join job j using (job_id)
               where c.package_id = $1 and j.status in ('PLANNED', 'IN_PROGRESS'));

-- name: delete_package
update package set deleted_at = $2, modified_at = $2 where package_id = $1;
