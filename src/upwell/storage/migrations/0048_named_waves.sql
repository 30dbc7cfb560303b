-- Waves that are a group, a tag or devices by name (ADR 0053). Lots of such a job are of 56 bits, and those of each wave lie in a
-- band of their own above: so a wave is a part of the lots still.
alter table rollout
    add is_named boolean not null default false,   -- some of its waves are such
    add named    jsonb;                            -- how many devices each of these has so far, while they are looked for
