-- Uploads: tickets, and the files that came under them.

-- name: make_ticket
insert into upload (object_key, account_id, created_at, purpose) values (:object_key, :account_id, :now, :purpose);

-- name: begin_upload
-- A ticket begins one upload at a time, and not after its minute.
update upload set begun_at = :now where object_key = :object_key and begun_at is null and created_at > :made_after
returning object_key;

-- name: abandon_upload
-- Whoever began the upload gives it up: the ticket may begin again.
update upload set begun_at = null where object_key = :object_key and finished_at is null;

-- name: find_ticket
select object_key, account_id, created_at, begun_at, finished_at, size, md5, sha256, used
from upload where object_key = :object_key;

-- name: finish_upload
update upload set finished_at = :now, size = :size, md5 = :md5, sha256 = :sha256
where object_key = :object_key and begun_at is not null and finished_at is null
returning account_id, size, sha256;

-- name: stale_files
-- Files of uploads that were not used in time, of packages deleted so long ago that no link opens them, and lists of
-- devices that a job has read.
select object_key from upload
where (not used and coalesce(finished_at, created_at) < :unused_before)
   or package_id in (select package_id from package where deleted_at < :deleted_before)
   or (used and purpose = 'devices')
limit 100;

-- name: forget_file
delete from upload where object_key = :object_key;

-- name: take_ticket
-- The finished, young, unused file of this account and purpose, locked.
select object_key, size, md5, sha256, used from upload
where object_key = :object_key and account_id = :account_id and finished_at > :finished_after and purpose = :purpose
for update;

-- name: use_ticket
-- The file serves from now on: the package, or a job when that is null.
update upload set used = true, package_id = :package_id where object_key = :object_key;
