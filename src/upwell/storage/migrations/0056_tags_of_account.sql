-- Tags by account, so that all of one's are listed without a look at another's (ADR 0062).
alter table device_tag add account_id bigint;
update device_tag t set account_id = p.account_id from device d join product p using (product_id) where d.device_id = t.device_id;
delete from device_tag where account_id is null;
alter table device_tag alter account_id set not null;
create index tag_of_account on device_tag (account_id, key, value, device_id);
