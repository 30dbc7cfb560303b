-- Logins that were refused, of whom it concerns.

-- name: write
-- Each is of the account that is named, or of that whose product is. In one order, so that two processes don't wait for each
-- other crosswise. The tenth of one is an event, and the hundredth, and so on. Returns the accounts.
with found as (
    select coalesce(n.account_id, p.account_id) as account_id, n.product_key, n.name, n.address, n.vendor, n.reason, n.first_at,
           n.at, n.times
    from unnest(:account_ids::bigint[], :product_keys::text[], :names::text[], :addresses::text[], :vendors::text[],
                :reasons::text[], :first_at::timestamptz[], :at::timestamptz[], :times::bigint[])
         as n(account_id, product_key, name, address, vendor, reason, first_at, at, times)
    left join product p on p.product_key = n.product_key and p.deleted_at is null
    where coalesce(n.account_id, p.account_id) is not null
), written as (
    insert into refused_login as r (account_id, product_key, name, address, vendor, reason, first_at, at, times)
    select account_id, product_key, name, address, vendor, reason, first_at, at, times from found
    order by account_id, product_key, name, address
    on conflict (account_id, product_key, name, address) do update
    set vendor = excluded.vendor, reason = excluded.reason, at = greatest(r.at, excluded.at), times = r.times + excluded.times
    returning account_id, product_key, name, address, reason, at, times
), told as (
    insert into event_made (account_id, kind, at, facts)
    select w.account_id, :kind, w.at, jsonb_build_object('product_key', w.product_key, 'device', w.name, 'address', w.address,
                                                         'reason', w.reason, 'times', w.times)
    from written w join found f using (account_id, product_key, name, address)
    where floor(log(w.times::numeric)) > coalesce(floor(log(nullif(w.times - f.times, 0)::numeric)), 0)
)
select distinct account_id from written;

-- name: trim
-- The oldest of these accounts beyond so many.
delete from refused_login r using (
    select w.account_id, c.at from unnest(:account_ids::bigint[]) as w(account_id)
    cross join lateral (
        select i.at from refused_login i where i.account_id = w.account_id order by i.at desc offset :kept limit 1
    ) c
) x
where r.account_id = x.account_id and r.at <= x.at;

-- name: forget
-- So many at once of those that are too old. Returns how many.
with gone as (
    delete from refused_login where ctid = any(array(
        select ctid from refused_login where at < :before order by at limit :at_most for update skip locked))
    returning 1
)
select count(*) from gone;

-- name: list
-- Of an account, newest first, below a place: a moment, and a number that tells those of one moment apart.
with found as (
    select hashtextextended(product_key || ' ' || name || ' ' || address, 0) & 1099511627775 as tie, product_key, name, address,
           vendor, reason, first_at, at, times
    from refused_login
    where account_id = :account_id and (:below_at::timestamptz is null or at <= :below_at)
      and (:since::timestamptz is null or at >= :since) and (:address::text is null or address = :address)
      and (:name::text is null or name = :name) and (:product_key::text is null or product_key = :product_key)
)
select tie, product_key, name, address, vendor, reason, first_at, at, times from found
where :below_at::timestamptz is null or (at, tie) < (:below_at, :below_tie::bigint)
order by at desc, tie desc limit :take;
