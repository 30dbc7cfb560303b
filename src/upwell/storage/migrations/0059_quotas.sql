-- expand
-- What an account may have, as the machine's operator says (ADR 0067). Whoever makes some of it holds the row, where there is one,
-- and counts what is there: so two at once do not go beyond it.
create table account_quota (
    account_id   bigint primary key references account,
    devices      bigint check (devices >= 0),       -- null: no limit
    packages     bigint check (packages >= 0),
    bytes        bigint check (bytes >= 0),         -- of stored packages
    running_jobs bigint check (running_jobs >= 0)   -- planned ones too
);
