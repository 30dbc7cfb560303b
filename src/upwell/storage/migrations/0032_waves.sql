-- Rollouts in waves (ADR 0039). A job without them has no row here.
create table rollout (
    job_id     bigint primary key,
    waves      jsonb not null,                                        -- as its owner said them: a preset's name, or shares
    salt       text not null,                                         -- what lots are drawn with; '': the same devices come first in every job
    targets    int,                                                   -- devices that are dealt to waves; null: not all are known yet
    dealt      int not null default 0,
    after_lot  bigint,                                                -- how far the dealing, or the present pass through the open wave, is
    after_device uuid,
    after_nth  smallint,
    passes     int not null default 0,                                -- through the open wave
    counting   int not null default 0,                                -- of its devices that were not reached, in this pass
    unreached  int,                                                   -- in the last one that came to its end
    pass_at    timestamptz not null default '-infinity',              -- when the next pass begins, or this one began
    heard      bigint not null default 0,                             -- verdicts at the last look
    pause_s    real not null default 1,                               -- between two looks
    next_at    timestamptz not null default '-infinity'               -- when it is looked at next; infinity: its last wave is open
);
create index rollout_next on rollout (next_at);

-- The order in which a rollout's devices come, drawn once. A device of a wave stays in it.
create table job_lot (
    job_id    bigint not null,
    lot       bigint not null,
    device_id uuid not null,
    nth       smallint not null,
    primary key (job_id, lot, device_id, nth)
);

create table job_wave (
    job_id       bigint not null,
    wave         smallint not null,                                   -- from 1
    size         int not null,                                        -- devices when it was dealt; others may have joined since
    soak_min     int not null,
    after_lot    bigint,                                              -- the last lot of the wave before
    after_device uuid,
    after_nth    smallint,
    opened_at    timestamptz,
    opened_by    text not null default '',                            -- a key's id, or `upwell`
    ready_at     timestamptz,                                         -- since when nothing but the soak is waited for
    primary key (job_id, wave)
);

-- What was decided of a rollout, by whom or by which rule, and with which numbers (L13).
create table decision (
    job_id  bigint not null,
    nth     int not null,
    at      timestamptz not null,
    what    text not null,                                            -- opened, promoted, soak skipped
    wave    smallint,
    by      text not null,                                            -- a key's id, or `upwell`
    result  text not null default '',                                 -- go, inconclusive
    reason  text not null default '',                                 -- a sentence
    numbers jsonb not null,
    primary key (job_id, nth)
);
create function decision_stays() returns trigger language plpgsql as $$
begin
    raise exception 'decisions are only added to';
end $$;
create trigger decision_stays before update or delete on decision for each row execute function decision_stays();
create trigger decision_stays_whole before truncate on decision for each statement execute function decision_stays();
