-- Uploaded lists of batch targets. Each lives an hour; what is older or deleted waits for its object to be swept away.

-- name: lock_account
-- One list is taken in at a time in an account, so that their number can be limited.
select account_id from account where account_id = $1 for no key update;

-- name: live_names
-- Those still being stored count too.
select name from batch_file where account_id = $1 and uploaded_at > $2 and deleted_at is null;

-- name: make_file
insert into batch_file (file_id, account_id, name, object_key, uploaded_at) values ($1, $2, $3, $4, $5);

-- name: file_stored
update batch_file set is_stored = true where file_id = $1;

-- name: list_files
select file_id, name, uploaded_at from batch_file
where account_id = $1 and uploaded_at > $2 and deleted_at is null and is_stored order by uploaded_at desc, file_id;

-- name: delete_file
update batch_file set deleted_at = $4
where file_id = $1 and account_id = $2 and uploaded_at > $3 and deleted_at is null and is_stored returning file_id;

-- name: drop_file
-- It was never stored.
update batch_file set deleted_at = $2 where file_id = $1;

-- name: stale_files
select file_id, object_key from batch_file where uploaded_at <= $1 or deleted_at is not null;

-- name: forget_file
delete from batch_file where file_id = $1;
