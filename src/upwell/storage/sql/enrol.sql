-- Devices that ask for their own secret, proven with their product's.

-- name: product_secret
select product_id, product_secret from product where product_key = :product_key and deleted_at is null;

-- name: share_product
-- The product can't be deleted until this transaction ends.
select product_id from product where product_key = :product_key and deleted_at is null for share;

-- name: unactivated
-- A live device; its secret may be told as long as it was never online.
select secret, enabled and activated_at is null as may_know from device where device_id = :device_id and deleted_at is null;
