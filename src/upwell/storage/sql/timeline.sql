-- What befell devices.

-- name: write
-- Lines of devices that live, and are of the account that is named with them if one is. Those that are alike to one of their
-- minute are counted in it. In one order, so that two writers don't wait for each other crosswise.
insert into device_line as l
    (device_id, minute, alike, kind, what, at, last_at, times, job_id, module, source, version, reason, address, who, detail,
     size, resumed)
select n.device_id, n.minute, n.alike, n.kind, n.what, n.at, n.last_at, n.times, n.job_id, n.module, n.source, n.version,
       n.reason, n.address, n.who, n.detail, n.size, n.resumed
from unnest(:device_ids::uuid[], :minutes::timestamptz[], :alike::bigint[], :kinds::text[], :what::text[], :at::timestamptz[],
            :last_at::timestamptz[], :times::int[], :job_ids::bigint[], :modules::text[], :sources::text[], :versions::text[],
            :reasons::text[], :addresses::text[], :who::text[], :details::text[], :sizes::bigint[], :resumed::int[],
            :account_ids::bigint[])
     as n(device_id, minute, alike, kind, what, at, last_at, times, job_id, module, source, version, reason, address, who,
          detail, size, resumed, account_id)
cross join lateral (
    select from device d join product p using (product_id)
    where d.device_id = n.device_id and d.deleted_at is null and (n.account_id is null or p.account_id = n.account_id) limit 1
) d
order by n.device_id, n.minute, n.alike
on conflict (device_id, minute, alike) do update
set times = l.times + excluded.times, last_at = greatest(l.last_at, excluded.last_at), detail = excluded.detail,
    size = l.size + excluded.size, resumed = l.resumed + excluded.resumed;

-- name: trim
-- The oldest lines of these devices beyond so many.
delete from device_line l using (
    select w.device_id, c.minute, c.alike from unnest(:device_ids::uuid[]) as w(device_id)
    cross join lateral (
        select i.minute, i.alike from device_line i where i.device_id = w.device_id
        order by i.minute desc, i.alike desc offset :kept limit 1
    ) c
) x
where l.device_id = x.device_id and (l.minute, l.alike) <= (x.minute, x.alike);

-- name: show
-- The newest lines of a device in its present life, those of its tasks' history among them, below a place. A place is a moment
-- and a number that tells lines of one moment apart. A process's clock may be behind PostgreSQL's, which says when the device
-- was made, by a round trip.
with d as (
    select device_id, created_at, life from device where device_id = :device_id
), lines as (
    select l.at, l.alike & 1099511627775 as tie, l.kind, l.what, l.last_at, l.times, l.job_id, l.module, l.source, l.version,
           l.reason, l.address, l.who, l.detail, l.size, l.resumed, null::bigint as package_id
    from d join device_line l using (device_id)
    where l.at >= d.created_at - interval '1 second' and (:kind::text is null or l.kind = :kind)
    union all
    select h.at, hashint8extended(h.job_id, h.nth::bigint << 32 | h.rev) & 1099511627775, 'task', h.event, h.at, 1, h.job_id,
           t.module, lower(coalesce(h.from_state, '')), lower(h.to_state),
           case when h.to_state = t.state and t.state in ('FAILED', 'CANCELED') and h.rev = (
               select max(o.rev) from task_change o
               where o.device_id = h.device_id and o.job_id = h.job_id and o.nth = h.nth) then t.reason else '' end,
           '', '', h.detail, 0, 0, t.package_id
    from d join task t on t.device_id = d.device_id and t.life = d.life
    join task_history h on h.device_id = t.device_id and h.job_id = t.job_id and h.nth = t.nth
    where :kind::text is null or :kind = 'task'
), page as (
    select * from lines l
    where (:below_at::timestamptz is null or (l.at, l.tie) < (:below_at, :below_tie::bigint))
      and (:since::timestamptz is null or l.at >= :since) and (:until::timestamptz is null or l.at < :until)
    order by l.at desc, l.tie desc limit :take
)
select l.at, l.tie, l.kind, l.what, l.last_at, l.times, l.job_id, l.module, l.source, l.version, l.reason, l.address, l.who,
       l.detail, l.size, l.resumed, coalesce(l.package_id, w.package_id) as package_id
from page l
left join lateral (
    select coalesce((select t.package_id from task t where t.device_id = :device_id and t.job_id = l.job_id
                     order by t.nth desc limit 1), j.package_id) as package_id
    from job j where j.job_id = l.job_id
) w on true
order by l.at desc, l.tie desc;

-- name: lazily
-- The commit of this transaction waits for no disk.
select set_config('synchronous_commit', 'off', true);
