-- Uploaded lists of a job's targets. Each lives an hour; what is older or deleted waits for its object to be swept away.

-- name: lock_account
-- One list is taken in at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: live_names
-- Those still being stored count too.
select name from target_file where account_id = :account_id and uploaded_at > :since and deleted_at is null;

-- name: make_file
insert into target_file (file_id, account_id, name, object_key, uploaded_at)
values (:file_id, :account_id, :name, :object_key, :now);

-- name: file_stored
update target_file set is_stored = true where file_id = :file_id;

-- name: list_files
select file_id, name, uploaded_at from target_file
where account_id = :account_id and uploaded_at > :since and deleted_at is null and is_stored
order by uploaded_at desc, file_id;

-- name: delete_file
update target_file set deleted_at = :now
where file_id = :file_id and account_id = :account_id and uploaded_at > :since and deleted_at is null and is_stored
returning file_id;

-- name: drop_file
-- It was never stored.
update target_file set deleted_at = :now where file_id = :file_id;

-- name: stale_files
select file_id, object_key from target_file where uploaded_at <= :before or deleted_at is not null;

-- name: forget_file
delete from target_file where file_id = :file_id;
