-- Guards (ADR 0039): first offers are numbered in the budget's row, which each claim of a guarded job holds; what failures show
-- stands there too, so that no claim that commits after them misses it.
alter table rollout add guard jsonb;                                  -- null: it has none
alter table budget
    add is_guarded boolean not null default false,
    add epoch      smallint not null default 0,                       -- which score; a resuming begins another
    add offered    int not null default 0,                            -- first offers that are numbered in it
    add strata     int[] not null default '{}',                       -- and of each stratum, by its number
    add halted_at  timestamptz,                                       -- null: nothing speaks against it
    add halt       jsonb,                                             -- the numbers of that
    add is_told    boolean not null default false;                    -- the job is paused or cancelled for it, and that is written down
create index budget_halted on budget (job_id) where halted_at is not null and not is_told;

-- Devices of a job that break together; which there are is known when it has all its tasks.
create table job_stratum (
    job_id         bigint not null,
    stratum        smallint not null,                                 -- from 1; 0 is all devices
    vendor         text not null,                                     -- whose device side it spoke by when the task was made
    module         text not null,
    source_version text not null,
    primary key (job_id, stratum),
    unique (job_id, vendor, module, source_version)
);

-- The first offer of a device in a guarded job.
create table job_offer (
    device_id  uuid not null,
    job_id     bigint not null,
    epoch      smallint not null,
    number     int not null,                                          -- from 1, in the order in which they left
    stratum    smallint not null,
    place      int not null,                                          -- its number within its stratum
    verdict_by timestamptz,                                           -- null: it has a verdict
    verdict    text not null default '',                              -- failed, silent, or how its task ended otherwise
    primary key (device_id, job_id)
);
create index offer_unheard on job_offer (verdict_by) where verdict_by is not null;
create index offer_silent on job_offer (job_id) where verdict = 'silent';

-- Failures by the numbers of their offers, 1,024 numbers a row, with what a look needs of them (domain/guard.py: Stretch).
create table job_stretch (
    job_id  bigint not null,
    epoch   smallint not null,
    stratum smallint not null,
    stretch int not null,
    numbers int[] not null,
    peaks   int[] not null,                                           -- failed and offered, in turn
    primary key (job_id, epoch, stratum, stretch)
);

-- Careful rollouts by default, of whatever tongue makes them.
alter table product add rollout_defaults jsonb;                       -- null: none
