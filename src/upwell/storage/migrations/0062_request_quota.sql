-- expand
-- How many requests a second an account may make (ADR 0067).
alter table account_quota add column requests_per_s integer check (requests_per_s > 0);  -- null: no limit
