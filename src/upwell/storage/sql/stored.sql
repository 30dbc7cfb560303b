-- Packages by their products' spaces, and those made from objects in their owners' buckets.

-- name: count_stored
select count(*) from package where account_id = $1 and region is not null and deleted_at is null;

-- name: make_stored
-- The object is read before anybody is offered it.
insert into package (package_id, account_id, product_id, name, description, module, version, source_versions, status,
                     udi, sign_method, object_key, size, md5, sha256, url, object_state, object_tag, looked_at, region,
                     bucket, bucket_key, sign, sign_word, created_at, modified_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'exempt', $9, 'SHA256', $10, $11, '', '', $12, 'checking', $13, $14, $15, $16,
        $17, $18, $19, $14, $14);

-- name: show_stored
-- Views of packages, in the order of the given ids. One of no product is in no space and is not seen here.
select k.package_id, p.product_key, p.name as product_name, k.module, k.version,
       case when k.is_delta then array[k.source_version] else k.source_versions end as source_versions,
       nullif(k.description, '') as description, k.udi as note, k.region, k.bucket, k.bucket_key, k.sign, k.sign_word,
       k.object_state, k.created_at, s.key as space_key, s.name as space_name,
       s.space_id = s.account_id as space_is_default, s.created_at as space_created_at
from unnest($2::bigint[]) with ordinality as w(package_id, place)
join package k using (package_id) join product p using (product_id) join space s on s.space_id = p.space_id
where k.account_id = $1 and k.deleted_at is null
order by w.place;

-- name: count_scanned
select count(*)
from package k join product p using (product_id)
where k.account_id = $1 and k.deleted_at is null
  and case when $2::text is null then k.module <> all ($3::text[]) else k.module = $2 end
  and ($4::bigint is null or p.space_id = $4) and ($5::text is null or p.product_key = $5)
  and ($6::text is null or k.version = $6);

-- name: scan_packages
select k.package_id
from package k join product p using (product_id)
where k.account_id = $1 and k.deleted_at is null
  and case when $2::text is null then k.module <> all ($3::text[]) else k.module = $2 end
  and ($4::bigint is null or p.space_id = $4) and ($5::text is null or p.product_key = $5)
  and ($6::text is null or k.version = $6) and ($7::bigint is null or k.package_id < $7)
order by k.package_id desc limit $8 offset $9;

-- name: claim_unread
-- One object that nobody reads now, to be read until $2; when that is over another process may begin again.
update package set check_until = $2
where package_id = (
    select package_id from package
    where object_state = 'checking' and deleted_at is null and (check_until is null or check_until <= $1)
    order by check_until nulls first, package_id limit 1 for update skip locked)
returning package_id, object_key, sign, sha256;

-- name: keep_claim
-- Still reading; nothing comes back when the claim is another's by now.
update package set check_until = $3
where package_id = $1 and object_state = 'checking' and check_until = $2 and deleted_at is null returning package_id;

-- name: settle_read
-- What the object turned out to be, unless somebody else has said so. Only digests that are right are kept.
update package
set object_state = $3, object_tag = $4, size = $5, md5 = case when $3 = 'ok' then $6 else md5 end,
    sha256 = case when $3 = 'ok' then $7 else sha256 end, looked_at = $8, check_until = null, modified_at = $8,
    object_fault = $9, object_problem = $10
where package_id = $1 and object_state = 'checking' and check_until = $2
returning package_id;

-- name: note_unread
-- Why the object could not be read; it is tried again when the claim is over.
update package set object_problem = $2 where package_id = $1 and object_state = 'checking';

-- name: settle_gone
-- The object is not there.
update package
set object_state = 'missing', looked_at = $2, check_until = null, modified_at = $2, object_fault = $3, object_problem = $4
where package_id = $1 and object_state <> 'missing' returning package_id;

-- name: claim_stale
-- Objects that nobody looked at since $1, and from now on somebody did.
update package set looked_at = $2
where package_id in (
    select package_id from package
    where region is not null and deleted_at is null and object_state <> 'checking' and looked_at <= $1
    order by looked_at limit $3 for update skip locked)
returning package_id, object_key, object_state, object_tag, size;

-- name: doubt
-- The object is not what was read: read it anew.
update package
set object_state = 'checking', check_until = null, modified_at = $2, object_fault = null, object_problem = null
where package_id = $1 and object_state <> 'checking' and deleted_at is null returning package_id;

-- name: doubt_object
-- The object was written or removed: read it anew, whichever region its packages say.
update package
set object_state = 'checking', check_until = null, modified_at = $4, object_fault = null, object_problem = null
where account_id = $1 and bucket = $2 and bucket_key = $3 and deleted_at is null;

-- name: packages_of_bucket
-- The packages that are made of each object, and how they stand.
select bucket_key,
       string_agg(version || ' (' || object_state || ')' || coalesce(': ' || object_problem, ''), ', ' order by package_id)
       as packages
from package where account_id = $1 and bucket = $2 and deleted_at is null group by bucket_key;
