-- contract
-- Which programs may serve what a step made, how far a step has come that is done in parts, and what the program of each node
-- knows (ADR 0063). From here on a step says in its first line whether it only adds.
alter table schema_version
    add needs int;                         -- a program serves what this step made if it knows that step; null: this one

create table schema_progress (             -- the step that is being done in parts
    version    int primary key,
    needs      int not null,
    parts      int not null,                -- so many of them are done
    after      text,                        -- how far the next one has come, in its own words; null: not begun
    changed_at timestamptz not null
);

alter table node
    add program text,                      -- its version; null: of before this step
    add knows   int;                       -- the newest step that it knows
