-- Spaces, products and devices under ids that their owner chooses, modules with numbers, users and their tokens, and
-- uploaded lists of batch targets. As in 0001, what grows with the fleet is keyed by device_id.

create table space (                       -- a partition of an account's products; the default one has the account's id
    space_id   bigint primary key,
    account_id bigint not null references account,
    key        text not null unique,       -- what the owner knows it by
    name       text not null,
    created_at timestamptz not null
);
create index space_newest on space (account_id, space_id desc);
insert into space (space_id, account_id, key, name, created_at)
select account_id, account_id, replace(gen_random_uuid()::text, '-', ''), 'default', created_at from account;

alter table product
    add space_id    bigint,
    add shares_name boolean not null default false;  -- its name is not one that is unique in the account
update product set space_id = account_id;
alter table product alter space_id set not null;
drop index product_name;
create unique index product_name on product (account_id, name) where deleted_at is null and not shares_name;
create index product_of_space on product (space_id, product_id desc) where deleted_at is null;
-- An owner may take an id again that a deleted product of theirs had; service/space_products.py refuses others.
alter table product drop constraint product_product_key_key;
create unique index product_key on product (product_key) where deleted_at is null;
create index product_key_ever on product (product_key);

alter table device
    add public_id        text,             -- chosen by the owner; null: `{product_key}_{name}` stands for it
    add description      text,
    add secondary_secret text,
    add sdk_version      text,             -- of the vendor's library on the device, as it says
    add facts            jsonb not null default '{}';  -- what a dialect keeps of a device and the core never reads
-- The one unique key without device_id: a login has nothing but this id. Sharded, it would be a table of its own.
create unique index device_public on device (public_id) where public_id is not null and deleted_at is null;
create index device_record on device (product_id, created_at desc, device_id desc) where deleted_at is null;

alter table module add module_id bigint;
update module set module_id =
    (((extract(epoch from created_at) * 1000)::bigint & ((1::bigint << 41) - 1)) << 22) | floor(random() * 4194304)::bigint;
alter table module alter module_id set not null;
create unique index module_number on module (module_id);

alter table device_group
    add space_id    bigint,
    add modified_at timestamptz;
update device_group set space_id = account_id, modified_at = created_at;
alter table device_group alter space_id set not null, alter modified_at set not null;
drop index group_name;
create unique index group_name on device_group (account_id, space_id, name);

create table iam_user (                    -- people who sign in with a password
    user_id    bigint primary key,
    account_id bigint not null references account,
    name       text not null,
    salt       bytea not null,
    hash       bytea not null,             -- scrypt of the password
    role       text not null check (role in ('admin', 'operator', 'viewer')),
    created_at timestamptz not null,
    unique (account_id, name)
);

create table iam_token (                   -- only the SHA-256 of a token is kept
    hash       bytea primary key,
    user_id    bigint not null references iam_user on delete cascade,
    scoped     boolean not null,           -- to the account's project
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index iam_token_age on iam_token (expires_at);

create table iam_attempt (                 -- wrong passwords; `who` is a hash of account and user, known or not
    who      bytea primary key,
    began_at timestamptz not null,
    tries    int not null
);

create table batch_file (                  -- uploaded lists of batch targets
    file_id     text primary key,
    account_id  bigint not null,
    name        text not null,
    object_key  text not null,
    uploaded_at timestamptz not null,
    is_stored   boolean not null default false,
    deleted_at  timestamptz
);
create index batch_file_newest on batch_file (account_id, uploaded_at desc) where deleted_at is null;
