-- Packages of objects that lie in their owners' buckets, and rules that send an account the news of its jobs.

alter table package
    add column if not exists source_versions text[] not null default '{}',  -- what it may follow; none: anything
    -- What stands in storage: not read yet, as it should be, gone, or other bytes than it should be.
    add object_state text not null default 'ok' check (object_state in ('checking', 'ok', 'missing', 'differs')),
    add object_tag   text,                 -- as the store said when it was read; null: stored here, never changes
    add looked_at    timestamptz,          -- when the store was asked last whether it is still the same
    add check_until  timestamptz,          -- a process reads the object until then; later another may
    add region       text,                 -- the place as its owner gave it
    add bucket       text,
    add bucket_key   text,
    add sign         text,                 -- the SHA-256 as its owner gave it, in any letter case
    add sign_word    text;                 -- and the owner's word for that
create index package_unread on package (package_id) where object_state = 'checking' and deleted_at is null;
create index package_looked on package (looked_at) where region is not null and deleted_at is null;
create index package_stored on package (account_id, module, package_id desc)
    where region is not null and deleted_at is null;

drop view offerable;
-- The tasks whose device may be told of them now, as far as state, job, package and version go (L5, L6). A dynamic job
-- whose policy has ended makes no tasks, but those it made live on (alibaba 7.5). A question about the version may be
-- asked whatever the device runs; an offer must fit it.
create view offerable as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, t.awaiting, j.maximum_per_min, j.finish_at
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
  and p.object_state = 'ok'
  and (t.awaiting in ('online', 'answer', 'result')
       or ((not p.is_delta or mv.version = p.source_version)
           and (p.source_versions = '{}' or mv.version = any (p.source_versions))));

create table rule (                        -- of an account: whether the news of its jobs goes out
    rule_id     bigint primary key,
    account_id  bigint not null,
    name        text,
    description text,
    space_id    bigint,                    -- the one space that it is about; null: all
    active      boolean not null default false,
    created_at  timestamptz not null
);
create index rule_newest on rule (account_id, rule_id desc);

create table rule_action (                 -- where a rule's news goes
    action_id   bigint primary key,
    rule_id     bigint not null,
    account_id  bigint not null,
    url         text not null,
    token       text,                      -- what its news is signed with
    server_name text,                      -- what the server's certificate must say; null: the URL's host
    created_at  timestamptz not null
);
create index action_newest on rule_action (account_id, action_id desc);
create index action_of_rule on rule_action (rule_id);

create table job_noted (                   -- how a job stood when news of it was last made
    job_id   bigint primary key,
    progress text not null,
    nth      int not null,                 -- counts its news
    noted_at timestamptz not null          -- never earlier than the one before
);

create table news (                        -- what is to be sent; made in the transaction that made it true
    action_id bigint not null,
    job_id    bigint not null,
    nth       int not null,
    url       text not null,               -- the action's: one after the other goes there
    part      text not null,
    space     text not null,
    progress  text not null,
    reason    text not null,
    noted_at  timestamptz not null,
    tries     int not null default 0,
    next_at   timestamptz not null,        -- when it may be tried; while one tries, when another may
    primary key (action_id, job_id, nth)
);
create index news_of_url on news (url, noted_at, job_id, nth, action_id);
create index news_due on news (next_at);
