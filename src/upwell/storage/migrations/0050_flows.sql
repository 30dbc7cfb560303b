-- Limits of bytes per second (ADR 0055). Read by the look-up of a download alone: no claim reads them, and none locks them.
alter table budget add bytes_per_s bigint;                            -- of one job; null: none
create table flow_limit (
    account_id  bigint not null,
    product_id  bigint not null,                                      -- 0: the account's own, over all its products
    bytes_per_s bigint not null,
    primary key (account_id, product_id)
);
