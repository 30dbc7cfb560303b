-- Uploads in parts: what came of each, and who puts the whole together.

-- name: lock_account
select pg_advisory_xact_lock(hashtextextended('uploads ' || :account_id::bigint, 7386027));

-- name: count_open
select count(*) from parted_upload where account_id = :account_id and status in ('open', 'checking') and expires_at > :now;

-- name: make_upload
insert into parted_upload (upload_id, account_id, who, name, size, part_size, status, expected, object_key, created_at,
                           expires_at)
values (:upload_id, :account_id, :who, :name, :size, :part_size, 'open', :expected, :object_key, :now, :expires_at);

-- name: find_upload
select upload_id, account_id, name, size, part_size, status, expected, object_key, md5, sha256, problem, created_at,
       expires_at
from parted_upload
where upload_id = :upload_id and account_id = :account_id and status <> 'abandoned' and expires_at > :now
  and (:who::text is null or who = :who);

-- name: lock_upload
select upload_id, account_id, name, size, part_size, status, expected, object_key, md5, sha256, problem, created_at,
       expires_at
from parted_upload
where upload_id = :upload_id and account_id = :account_id and status <> 'abandoned' and expires_at > :now
  and (:who::text is null or who = :who)
for update;

-- name: stored_parts
select number, size, sha256 from upload_part where upload_id = :upload_id and size is not null order by number;

-- name: keys_of_parts
select object_key, size from upload_part where upload_id = :upload_id and size is not null order by number;

-- name: begin_part
insert into upload_part (object_key, upload_id, number, begun_at) values (:object_key, :upload_id, :number, :now);

-- name: replace_part
-- What was stored under this number counts no more. Returns where it lies.
update upload_part set size = null, begun_at = :now
where upload_id = :upload_id and number = :number and size is not null returning object_key;

-- name: finish_part
-- No row comes back when its upload was swept away meanwhile.
update upload_part set size = :size, sha256 = :sha256 where object_key = :object_key and size is null returning number;

-- name: drop_part
delete from upload_part where object_key = :object_key and size is null;

-- name: prolong
update parted_upload set expires_at = :expires_at where upload_id = :upload_id;

-- name: begin_check
update parted_upload set status = 'checking', expected = coalesce(:expected, expected) where upload_id = :upload_id;

-- name: claim_checking
-- One that waits to be put together and that nobody has at this moment, of whoever has the fewest that wait: no account makes
-- another wait for all that it has.
update parted_upload set claimed_until = :until where upload_id = (
    select u.upload_id from parted_upload u
    where u.status = 'checking' and (u.claimed_until is null or u.claimed_until < :now)
    order by (select count(*) from parted_upload w where w.account_id = u.account_id and w.status = 'checking'), u.upload_id
    limit 1 for update skip locked
)
returning upload_id, account_id, size, expected, object_key;

-- name: keep_claim
update parted_upload set claimed_until = :later
where upload_id = :upload_id and status = 'checking' and claimed_until = :until returning upload_id;

-- name: settle
-- The whole is put together, or can't be. No row comes back when it is another's to do now, or was given up.
update parted_upload
set status = :status, md5 = :md5, sha256 = :sha256, problem = :problem, expires_at = :expires_at, claimed_until = null
where upload_id = :upload_id and status = 'checking' and claimed_until = :until returning upload_id;

-- name: make_file
-- From now on it is a file as any that was uploaded under a ticket.
insert into upload (object_key, account_id, created_at, begun_at, finished_at, size, md5, sha256, purpose)
values (:object_key, :account_id, :now, :now, :now, :size, :md5, :sha256, 'firmware');

-- name: rest_claim
-- It can't be done now.
update parted_upload set claimed_until = :later
where upload_id = :upload_id and status = 'checking' and claimed_until = :until;

-- name: abandon
update parted_upload set status = 'abandoned', expires_at = :now where upload_id = :upload_id;

-- name: broken_parts
-- Objects of parts that were replaced, or broke off so long ago that nobody sends them any more.
select object_key from upload_part where size is null and begun_at < :before order by begun_at limit :at_most;

-- name: parts_of_the_past
-- Objects of parts whose upload is over.
select p.object_key from parted_upload u join upload_part p using (upload_id)
where u.status in ('complete', 'failed', 'abandoned') or u.expires_at < :now
limit :at_most;

-- name: forget_part
delete from upload_part where object_key = :object_key;

-- name: past_uploads
-- Those that are over for so long that nobody puts them together any more, with no part left; and whether a whole may lie
-- there that serves nobody.
select upload_id, object_key, status <> 'complete' as is_waste from parted_upload u
where expires_at < :before and not exists (select from upload_part p where p.upload_id = u.upload_id)
order by expires_at limit :at_most;

-- name: forget_upload
delete from parted_upload where upload_id = :upload_id;
