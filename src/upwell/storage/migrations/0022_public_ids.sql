-- A device's chosen id is unique in its account, and takes nobody else's place (ADR 0029). Between the products of one account
-- an advisory lock decides.
drop index device_public;
create unique index device_public on device (public_id, product_id) where public_id is not null and deleted_at is null;
