-- What checks devices' logins.

-- name: login_facts
-- Live devices among the given ones, with what checks their login.
select d.device_id, d.secret, d.secondary_secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id,
       coalesce(d.public_id, p.product_key || '_' || d.name) as public_id, p.facts as product_facts, t.gateway_id
from device d join product p using (product_id) left join topology t using (device_id)
where d.device_id = any(:device_ids::uuid[]) and d.deleted_at is null and p.deleted_at is null;

-- name: login_facts_by_name
-- Live devices over all products that each word means: those whose public id it is, one of an account, then those it stands for
-- (:implied), then those of that name, each account's oldest first, and no more than :of_account of an account: a later one of the
-- same name takes nobody's place, and no account's devices, however old, take all of them.
with wanted as (
    select w.word, d.device_id, 0 as way, 1::bigint as nth
    from unnest(:words::text[]) as w(word) join device d on d.public_id = w.word and d.deleted_at is null
    union all
    select w.word, d.device_id, 1 as way, 1::bigint as nth
    from unnest(:implied_words::text[], :implied_ids::uuid[]) as w(word, device_id) join device d using (device_id)
    where d.public_id is null and d.deleted_at is null
    union all
    select w.word, f.device_id, 2 as way, f.nth
    from unnest(:words::text[]) as w(word) cross join lateral (
        select d.device_id, row_number() over (partition by p.account_id order by d.created_at, d.device_id) as nth
        from device d join product p using (product_id)
        where d.name = w.word and d.deleted_at is null and p.deleted_at is null
    ) f
    where f.nth <= :of_account
), first as (
    select word, device_id, min(way) as way, min(nth) as nth from wanted group by word, device_id
), placed as (
    select i.word, i.way, d.device_id, d.secret, d.secondary_secret, d.enabled, p.product_key, d.name, d.product_id, p.account_id,
           coalesce(d.public_id, p.product_key || '_' || d.name) as public_id, p.facts as product_facts, t.gateway_id,
           row_number() over (partition by i.word order by i.way, i.nth, d.created_at, d.device_id) as place
    from first i join device d using (device_id) join product p using (product_id) left join topology t using (device_id)
    where d.deleted_at is null and p.deleted_at is null
)
select word, device_id, secret, secondary_secret, enabled, product_key, name, product_id, account_id, public_id, product_facts,
       gateway_id
from placed where place <= :in_all order by word, place;
