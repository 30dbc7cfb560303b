-- Who made a job: a key's id, or a user. Of those of before nobody says.
alter table job add made_by text not null default '';

-- Of a retry the kind of failure that it is about (task.failure); null: whatever failed.
alter table job_act add failure bigint;

-- How a job stood from time to time, the more seldom the longer it runs, so that its course is short whatever its length (ADR 0057).
create table job_course (
    job_id    bigint not null,
    at        timestamptz not null,
    waiting   bigint not null,
    at_work   bigint not null,
    succeeded bigint not null,
    failed    bigint not null,
    canceled  bigint not null,
    primary key (job_id, at)
);
