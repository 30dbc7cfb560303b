-- What befell devices beside the history of their tasks, and logins that were refused (ADR 0037).

-- Lines of one device that are alike and of one minute are one row. No device has more than some hundreds.
create table device_line (
    device_id uuid not null,
    minute    timestamptz not null,
    alike     bigint not null,             -- a number made of what tells lines apart
    kind      text not null,
    what      text not null,
    at        timestamptz not null,        -- the first of them
    last_at   timestamptz not null,
    times     int not null,
    job_id    bigint,
    module    text not null,
    source    text not null,
    version   text not null,
    reason    text not null,
    address   text not null,
    who       text not null,
    detail    text not null,               -- of the last
    size      bigint not null,             -- bytes, of all
    resumed   int not null,
    primary key (device_id, minute, alike)
) with (autovacuum_vacuum_scale_factor = 0.05);
insert into sweep (what) values ('lines');

-- Logins that were refused, of names that an account has or that were said with one of its products: by name and address one
-- row. No account has more than a thousand or so.
create table refused_login (
    account_id  bigint not null,
    product_key text not null,             -- empty: the login said none, and several fit
    name        text not null,             -- empty: of all names of the address that there was no room for
    address     text not null,
    vendor      text not null,
    reason      text not null,             -- of the last
    first_at    timestamptz not null,
    at          timestamptz not null,      -- the last
    times       bigint not null,
    primary key (account_id, product_key, name, address)
);
create index refused_newest on refused_login (account_id, at desc);
create index refused_age on refused_login (at);

-- When a device was last heard. It changes about once a minute of each device that speaks, so it is narrow, stands apart from
-- what else is known of the device, and its pages have room for the next of each of their rows.
create table heard (
    device_id uuid primary key,
    at        timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- How many devices of a product run which version of a module, counted as they change, in rows that one database connection
-- writes each (see job_count). An empty version is one that nobody can know; `rare`: of all for which there was no room, of a
-- module, or with an empty module of a product.
alter table module_version
    add counted smallint not null default 0;  -- where: 0 as itself, 1 as rare of its module, 2 as rare of its product
create table version_count (
    product_id bigint not null,
    lane       int not null,
    module     text not null,
    version    text not null,
    rare       boolean not null,
    n          bigint not null,
    primary key (product_id, lane, module, version, rare)
) with (fillfactor = 40, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
create index version_count_apart on version_count (product_id) where lane <> 0;
insert into version_count (product_id, lane, module, version, rare, n)
select d.product_id, 0, v.module, coalesce(v.version, ''), false, count(*)
from module_version v join device d using (device_id) group by 1, 3, 4;

-- The same at the end of each hour in which it changed.
create table version_hour (
    product_id bigint not null,
    module     text not null,
    version    text not null,
    rare       boolean not null,
    hour       timestamptz not null,
    devices    bigint not null,
    primary key (product_id, module, version, rare, hour)
);
create index version_hour_newest on version_hour (product_id, module, hour desc);
create index version_hour_age on version_hour (hour);
insert into version_hour (product_id, module, version, rare, hour, devices)
select product_id, module, version, rare, date_trunc('hour', now(), 'UTC'), n from version_count;
