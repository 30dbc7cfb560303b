-- Objects that packages are made of: read once, and looked at again and again.

-- name: claim_unread
-- One object that nobody reads now, to be read until then; when that is over another process may begin again.
update package set check_until = :until
where package_id = (
    select package_id from package
    where object_state = 'checking' and deleted_at is null and (check_until is null or check_until <= :now)
    order by check_until nulls first, package_id limit 1 for update skip locked)
returning package_id, object_key, sign, sha256;

-- name: keep_claim
-- Still reading; nothing comes back when the claim is another's by now.
update package set check_until = :later
where package_id = :package_id and object_state = 'checking' and check_until = :until and deleted_at is null returning package_id;

-- name: settle_read
-- What the object turned out to be, unless somebody else has said so. Only digests that are right are kept.
update package
set object_state = :state, object_tag = :tag, size = :size, md5 = case when :state = 'ok' then :md5 else md5 end,
    sha256 = case when :state = 'ok' then :sha256 else sha256 end, looked_at = :now, check_until = null,
    modified_at = :now, object_fault = :fault, object_problem = :problem
where package_id = :package_id and object_state = 'checking' and check_until = :until
returning package_id;

-- name: note_unread
-- Why the object could not be read; it is tried again when the claim is over.
update package set object_problem = :problem where package_id = :package_id and object_state = 'checking';

-- name: settle_gone
-- The object is not there.
update package
set object_state = 'missing', looked_at = :now, check_until = null, modified_at = :now, object_fault = :fault,
    object_problem = :problem
where package_id = :package_id and object_state <> 'missing' returning package_id;

-- name: claim_stale
-- Objects that nobody looked at lately, and from now on somebody did.
update package set looked_at = :now
where package_id in (
    select package_id from package
    where region is not null and deleted_at is null and object_state <> 'checking' and looked_at <= :looked_until
    order by looked_at limit :most for update skip locked)
returning package_id, object_key, object_state, object_tag, size;

-- name: doubt
-- The object is not what was read: read it anew.
update package
set object_state = 'checking', check_until = null, modified_at = :now, object_fault = null, object_problem = null
where package_id = :package_id and object_state <> 'checking' and deleted_at is null returning package_id;

-- name: doubt_object
-- The object was written or removed: read it anew, whichever region its packages say.
update package
set object_state = 'checking', check_until = null, modified_at = :now, object_fault = null, object_problem = null
where account_id = :account_id and bucket = :bucket and bucket_key = :bucket_key and deleted_at is null;

-- name: packages_of_bucket
-- The packages that are made of each object, and how they stand.
select bucket_key,
       string_agg(version || ' (' || object_state || ')' || coalesce(': ' || object_problem, ''), ', ' order by package_id)
       as packages
from package where account_id = :account_id and bucket = :bucket and deleted_at is null group by bucket_key;
