-- What lists go by beside the order of making (storage/orders.py). Names are compared by their characters' numbers in every
-- database; that of a device is its own within its product.
create index device_by_name_of_product on device (product_id, name collate "C") where deleted_at is null;
create index product_by_name on product (account_id, name collate "C", product_id) where deleted_at is null;
create index account_by_name on account (name collate "C", account_id);
