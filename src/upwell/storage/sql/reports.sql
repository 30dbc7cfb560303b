-- What devices say of themselves, and what its meaning depends on.

-- name: look_at_versions
-- What live devices say they run, with their product, and whether anything of it is to be written: most say again what they
-- said before, and that writes nothing.
select n.device_id, d.product_id, n.module, n.version,
       (v.device_id is null or v.version is distinct from n.version or v.by_result or n.version is null) as is_news
from unnest(:device_ids::uuid[], :modules::text[], :versions::text[]) as n(device_id, module, version)
join device d on d.device_id = n.device_id and d.deleted_at is null
left join module_version v on v.device_id = n.device_id and v.module = n.module;

-- name: save_versions
-- What devices say they run; null is unknown, and says each time when it was said. What a result told (:by_result) stands until
-- a report comes, and what a device reported itself where the result tells the same. Each is counted as is said with it, but for
-- one that stays as it was. What they ran before is kept, the last ones. Returns how the counts move.
with n as materialized (
    select * from unnest(:device_ids::uuid[], :product_ids::bigint[], :modules::text[], :versions::text[], :counted::smallint[])
         as n(device_id, product_id, module, version, counted)
), was as materialized (
    select n.device_id, n.module, v.version, v.counted, v.version is not distinct from n.version as stays
    from n cross join lateral (
        select v.version, v.counted from module_version v where v.device_id = n.device_id and v.module = n.module limit 1
    ) v
), saved as (
    insert into module_version as v (device_id, module, version, reported_at, by_result, counted)
    select device_id, module, version, :now, :by_result, counted from n order by device_id, module
    on conflict (device_id, module) do update
    set version = excluded.version, reported_at = excluded.reported_at, by_result = excluded.by_result,
        counted = case when v.version is not distinct from excluded.version then v.counted else excluded.counted end
    where v.version is distinct from excluded.version or v.by_result or excluded.version is null
), moved as materialized (
    select n.device_id, n.module, n.product_id, n.version, was.version as before from n join was using (device_id, module)
    where was.stays is not true
), forgotten as (
    delete from version_past p using moved m, lateral (
        select o.version, row_number() over (order by o.left_at desc) as place from version_past o
        where o.device_id = m.device_id and o.module = m.module and o.version is distinct from m.before
    ) o
    where p.device_id = m.device_id and p.module = m.module and p.version = o.version
      and (o.place >= :past_most or o.version = m.version)
), past as (
    insert into version_past as p (device_id, module, version, product_id, left_at)
    select device_id, module, before, product_id, :now from moved where before is not null order by device_id, module
    on conflict (device_id, module, version) do update set left_at = excluded.left_at
)
select m.product_id, m.module, m.version, m.counted, sum(m.by)::bigint as by
from n left join was using (device_id, module)
cross join lateral (
    select n.product_id, n.module, n.version, n.counted, 1 as by
    union all
    select n.product_id, n.module, was.version, was.counted, -1 where was.device_id is not null
) m
where was.stays is not true
group by 1, 2, 3, 4 having sum(m.by) <> 0;

-- name: save_spellings
update module_version v set said = n.said from unnest(:device_ids::uuid[], :modules::text[], :said::text[]) as n(device_id, module, said)
where v.device_id = n.device_id and v.module = n.module and v.said is distinct from n.said;

-- name: save_sdks
update device d set sdk_version = n.version from unnest(:device_ids::uuid[], :versions::text[]) as n(device_id, version)
where d.device_id = n.device_id and d.deleted_at is null and d.sdk_version is distinct from n.version;

-- name: former_destinations
-- Where cancelled tasks of this life of theirs would have brought devices, by whichever way: some were offered before.
select distinct t.device_id, t.module, p.version
from task t join device d on d.device_id = t.device_id and d.life = t.life
join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where t.device_id = any(:device_ids::uuid[]) and t.state = 'CANCELED';

-- name: ways
-- By which packages each of these jobs leads, from which versions.
select s.job_id, s.version as runs, s.package_id, p.version
from job_step s join package p using (package_id) where s.job_id = any(:job_ids::bigint[]);

-- name: choices
-- What each of these jobs may install: its package, or those that it chooses from.
select j.job_id, p.package_id, p.version, p.product_id, p.source_versions
from job j join job_package c using (job_id) join package p on p.package_id = c.package_id
where j.job_id = any(:job_ids::bigint[]) and p.deleted_at is null order by j.job_id, c.place;
