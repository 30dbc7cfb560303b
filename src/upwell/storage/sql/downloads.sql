-- Downloads: the secrets that sign their links, and the files behind them.

-- name: make_secret
insert into secret (name, value) values (:name, :value) on conflict (name) do nothing;

-- name: read_secret
select value from secret where name = :name;

-- name: find_download
-- The bytes of one file that a task installs. A cancelled task has none (law 5), nor has one that is to follow a halt yet or a package that is deleted or
-- whose object is not what it should be (law 6); a tag says that the store is to be asked whether it still is.
select p.package_id, p.object_tag, coalesce(f.file ->> 'object_key', p.object_key) as object_key,
       coalesce((f.file ->> 'size')::bigint, p.size) as size, coalesce(f.file ->> 'md5', p.md5) as md5,
       case when f.file is null then p.sha256 else coalesce(f.file ->> 'sha256', '') end as sha256,  -- of that file or of none
       j.account_id, j.product_id, b.bytes_per_s as of_job, lp.bytes_per_s as of_product, la.bytes_per_s as of_account,
       case when coalesce(b.bytes_per_s, lp.bytes_per_s, la.bytes_per_s) is null then 1  -- nobody counts where nothing is shared
            else (select count(*) from node where lease_until > clock_timestamp()) end as nodes
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join budget b on b.job_id = t.job_id
left join flow_limit lp on lp.account_id = j.account_id and lp.product_id = j.product_id
left join flow_limit la on la.account_id = j.account_id and la.product_id = 0
cross join lateral (select p.files -> :place::int as file) f
where t.device_id = :device_id and t.job_id = :job_id and t.nth = :nth and p.deleted_at is null
  and p.object_state = 'ok' and t.state <> 'CANCELED' and not exists (select from halt_of(t.job_id, t.acts, t.state)) and (:place = 0 or :place < jsonb_array_length(p.files));
