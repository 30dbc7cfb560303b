-- What a grant of offers locks, instead of the job that its owner changes and others read. A row comes with a job's
-- first grant.
create table budget (
    job_id bigint primary key
);
