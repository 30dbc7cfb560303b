-- How many devices of a product run what, as it changes and by the hour.

-- name: known
-- Those of these versions that are told apart.
select distinct w.product_id, w.module, w.version
from unnest(:product_ids::bigint[], :modules::text[], :versions::text[]) as w(product_id, module, version)
join version_count c on c.product_id = w.product_id and c.module = w.module and c.version = w.version and not c.rare;

-- name: all_known
-- All versions of these products that are told apart.
select distinct product_id, module, version from version_count where product_id = any(:product_ids::bigint[]) and not rare;

-- name: move
-- Each connection counts in rows of its own.
insert into version_count as c (product_id, lane, module, version, rare, n)
select m.product_id, pg_backend_pid(), m.module, m.version, m.rare, m.by
from unnest(:product_ids::bigint[], :modules::text[], :versions::text[], :rare::boolean[], :by::bigint[])
     as m(product_id, module, version, rare, by)
on conflict (product_id, lane, module, version, rare) do update set n = c.n + excluded.n;

-- name: forget
-- What these devices run is forgotten. Returns where they were counted, and how many.
with gone as (
    delete from module_version where device_id = any(:device_ids::uuid[]) returning device_id, module, version, counted
), past as (
    delete from version_past where device_id = any(:device_ids::uuid[])
)
select d.product_id, g.module, g.version, g.counted, count(*) as n from gone g join device d using (device_id)
group by 1, 2, 3, 4;

-- name: products_apart
select distinct product_id from version_count where lane <> 0 and product_id > :after order by product_id limit :at_most;

-- name: fold
-- The rows of a product that nobody writes now become one a version, and what they come to is that of this hour.
with apart as (
    delete from version_count d using (
        select product_id, lane, module, version, rare from version_count
        where product_id = :product_id and lane <> 0 for update skip locked
    ) s
    where (d.product_id, d.lane, d.module, d.version, d.rare) = (s.product_id, s.lane, s.module, s.version, s.rare)
    returning d.module, d.version, d.rare, d.n
), folded as (
    insert into version_count as c (product_id, lane, module, version, rare, n)
    select :product_id, 0, module, version, rare, sum(n) from apart
    group by module, version, rare having sum(n) <> 0 order by module, version, rare
    on conflict (product_id, lane, module, version, rare) do update set n = c.n + excluded.n
    returning module, version, rare, n
)
insert into version_hour as h (product_id, module, version, rare, hour, devices)
select :product_id, module, version, rare, date_trunc('hour', :now::timestamptz, 'UTC'), n from folded
order by module, version, rare
on conflict (product_id, module, version, rare, hour) do update set devices = excluded.devices;

-- name: forget_empty
delete from version_count d using (
    select product_id, lane, module, version, rare from version_count
    where product_id = :product_id and lane = 0 and n = 0 for update skip locked
) s
where (d.product_id, d.lane, d.module, d.version, d.rare) = (s.product_id, s.lane, s.module, s.version, s.rare) and d.n = 0;

-- name: hours
-- The newest hours in which something changed, below one.
select distinct hour from version_hour
where product_id = :product_id and module = :module and (:below::timestamptz is null or hour < :below)
  and (:since::timestamptz is null or hour >= :since) and (:until::timestamptz is null or hour < :until)
order by hour desc limit :take;

-- name: changes
-- How many devices ran what at the end of the hours between these, where that changed; and what they ran before.
select version, rare, hour, devices from version_hour
where product_id = :product_id and module = :module and hour > :first and hour <= :last
union all
select w.version, w.rare, :first::timestamptz, w.devices from (
    select distinct on (version, rare) version, rare, devices from version_hour
    where product_id = :product_id and module = :module and hour <= :first order by version, rare, hour desc
) w
order by hour;

-- name: forget_hours
-- So many of the old hours, but of each version the last, which later ones go on from, unless nobody ran it then. Returns
-- how many.
with gone as (
    delete from version_hour where ctid = any(array(
        select v.ctid from version_hour v
        where v.hour < :before and (v.devices = 0 or exists (
            select from version_hour o where o.product_id = v.product_id and o.module = v.module and o.version = v.version
              and o.rare = v.rare and o.hour > v.hour and o.hour <= :before))
        limit :at_most))
    returning 1
)
select count(*) from gone;
