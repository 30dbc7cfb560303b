-- Wrong passwords are counted by where they come from.
alter table iam_attempt rename column began_at to tried_at;
alter table iam_attempt add column held_until timestamptz;            -- nothing from there is looked at before
alter table iam_attempt add column known boolean not null default false; -- the password was right from there
create index iam_attempt_age on iam_attempt (tried_at);

-- What is older than operators keep is deleted in chunks.
alter table job
    add tasks_from timestamptz,                                       -- older tasks than that it has none; null: not looked at
    add forgotten_to uuid;                                            -- how far this look has come
create index job_old on job (coalesce(tasks_from, ended_at)) where ended_at is not null;
create index device_tombstone on device (deleted_at, device_id) where deleted_at is not null;
create index registration_age on registration (created_at, apply_id);

create table sweep (                                                  -- what is looked through from end to end, in passes
    what       text primary key,
    began_at   timestamptz not null default '-infinity',              -- this pass, or the last one
    is_over    boolean not null default true,
    block      bigint not null default 0,                             -- of the history: the next block of its table
    at         timestamptz not null default '-infinity',              -- of deleted devices: the last one looked at
    device_id  uuid not null default '00000000-0000-0000-0000-000000000000',
    oldest     timestamptz not null default '-infinity'               -- nothing older was left
);
insert into sweep (what) values ('history'), ('devices');

-- Room in a page for the next version of its rows, and a vacuum before a twentieth of a table is dead: measured by
-- bench/tables.py (ADR 0031). Pages that are full already keep as they are.
alter table task set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
alter table module_version set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
alter table presence set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
