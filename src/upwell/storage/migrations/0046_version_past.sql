-- What devices ran and have left (ADR 0052), so that who brings them back there is told: at most so many versions of each module,
-- the last ones; the one that a device runs is not among them.
create table version_past (
    device_id  uuid not null,
    module     text not null,
    version    text not null,
    product_id bigint not null,
    left_at    timestamptz not null,
    primary key (device_id, module, version)
);
create index version_past_of_product on version_past (product_id, module, version);
