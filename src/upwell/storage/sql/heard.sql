-- When devices were last heard.

-- name: write
-- So many seconds before that moment. In one order, so that two processes don't wait for each other crosswise.
insert into heard as h (device_id, at)
select w.device_id, :now::timestamptz - make_interval(secs => w.ago_s)
from unnest(:device_ids::uuid[], :ago_s::float8[]) as w(device_id, ago_s)
cross join lateral (select from device d where d.device_id = w.device_id and d.deleted_at is null limit 1) d
order by w.device_id
on conflict (device_id) do update set at = excluded.at where h.at < excluded.at;
