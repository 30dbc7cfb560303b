-- What waits for a person (ADR 0051): each list of it is read by an index of what is so now.
create index job_paused on job (account_id, paused_at desc) where paused_at is not null and deleted_at is null;
create index job_unapproved on job (account_id, job_id desc) where unapproved and ended_at is null and deleted_at is null;
create index job_in_waves on job (account_id, job_id desc) where open_wave > 0 and status = 'IN_PROGRESS' and deleted_at is null;
create index package_lost_of on package (account_id, package_id desc)
    where object_state in ('missing', 'differs') and deleted_at is null;

-- What the last look at a wave found that the next one lacks (domain/rollout.py: Lacks), and since when nothing came of it.
alter table rollout
    add lacks    text not null default '',
    add still_at timestamptz;                                         -- since when it lacks that, and no verdict was heard
