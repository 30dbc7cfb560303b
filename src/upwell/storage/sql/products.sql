-- Products. A row with deleted_at is a tombstone and is seen by nobody.

-- name: make_product
-- Its name is compared with those alone that do not share theirs.
insert into product (product_id, account_id, space_id, product_key, product_secret, name, shares_name, facts, created_at)
values (:product_id, :account_id, :space_id, :key, :secret, :name, :shares_name, :facts::jsonb, :now);

-- name: key_of_others
-- Whether another account has or had a product of this key: its devices' rows are theirs for ever.
select exists (select from product where product_key = :key and account_id <> :account_id);

-- name: find_product
-- The account's product, in this space if one is given.
select p.product_id from product p join space s using (space_id)
where p.account_id = :account_id and p.product_key = :key and p.deleted_at is null
  and (:space::text is null or s.key = :space);

-- name: share_product
-- As find_product; it can't be deleted until this transaction ends.
select p.product_id from product p join space s using (space_id)
where p.account_id = :account_id and p.product_key = :key and p.deleted_at is null
  and (:space::text is null or s.key = :space)
for share of p;

-- name: lock_product
-- As share_product; no device can be registered until this transaction ends.
select p.product_id from product p join space s using (space_id)
where p.account_id = :account_id and p.product_key = :key and p.deleted_at is null
  and (:space::text is null or s.key = :space)
for update of p;

-- name: show_products
-- Views of products and their spaces, in the order of the given ids.
select p.product_id, p.product_key, p.product_secret, p.name, p.facts, p.created_at, p.rollout_defaults,
       (select coalesce(sum(f.devices), 0)::bigint from fleet_count f where f.product_id = p.product_id) as device_count,
       s.key as space_key, s.name as space_name, s.space_id = s.account_id as space_is_default,
       s.created_at as space_created_at
from unnest(:product_ids::bigint[]) with ordinality as w(product_id, place) join product p using (product_id)
join space s using (space_id)
order by w.place;

-- name: list_products
select product_id from product
where account_id = :account_id and deleted_at is null and (:space_id::bigint is null or space_id = :space_id)
  and (:name::text is null or name = :name) and facts @> :facts::jsonb
  and (:product_key::text is null or product_key = :product_key)
  and {beyond}
order by {order} limit :take offset :skip;

-- name: count_products
select count(*) from product
where account_id = :account_id and deleted_at is null and (:space_id::bigint is null or space_id = :space_id)
  and (:name::text is null or name = :name) and facts @> :facts::jsonb
  and (:product_key::text is null or product_key = :product_key);

-- name: update_product
-- A name that may be another product's is from now on one of those that are not compared.
update product set name = coalesce(:name, name), facts = facts || :facts::jsonb,
       shares_name = shares_name or (:may_share and coalesce(:name <> name, false)),
       rollout_defaults = case when :sets_defaults::boolean then :defaults::jsonb else rollout_defaults end
where product_id = :product_id;

-- name: has_devices
select exists (select from device where product_id = :product_id and deleted_at is null);

-- name: delete_product
update product set deleted_at = :now where product_id = :product_id;
