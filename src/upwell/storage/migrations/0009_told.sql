-- A device that comes back is offered again; what a success says runs; why a package's object keeps its tasks waiting.

alter table task drop constraint task_awaiting_check;
alter table task add constraint task_awaiting_check
    check (awaiting in ('', 'online', 'answer', 'offer', 'result', 'arrival', 'again'));

alter table module_version
    add by_result boolean not null default false;  -- told by the result of its upgrade, and by no version report since

alter table package
    add object_fault   text,               -- why its object is lost, in a word of domain/fault.py
    add object_problem text;               -- the same in a sentence, or why it could not be read yet; null: nothing
update package
set object_fault = case when object_state = 'missing' then 'object_missing' when sign is not null then 'sign_mismatch'
                        else 'object_changed' end,
    object_problem = case when object_state = 'missing' then 'the object of the package is gone from its bucket'
                          when sign is not null then 'the `sign` of the package is not its object''s SHA-256'
                          else 'the object of the package was replaced' end
where object_state in ('missing', 'differs');
create index package_lost on package (package_id) where object_state in ('missing', 'differs') and deleted_at is null;

alter table job
    add status_desc text not null default '';  -- why its tasks failed or it has none, where the reason is its own

drop view offerable;
-- The tasks whose device may be told of them now, as far as state, job, package and version go (L5, L6). A dynamic job
-- whose policy has ended makes no tasks, but those it made live on (alibaba 7.5). A question about the version may be
-- asked whatever the device runs, before a package is chosen as soon as the object of one is there, and of a device that
-- came back whether it is there still; an offer must fit.
-- `asks_first`: the offer is for one version, which only the result of an upgrade told, before the device came back:
-- it is asked, and its answer makes the offer due. `fits`: the package may be offered whatever is awaited.
create view offerable as
select t.device_id, t.job_id, t.nth, t.module, t.state, t.due_at, t.node_id, t.awaiting, j.maximum_per_min, j.finish_at,
       coalesce(t.awaiting = '' and mv.by_result and (p.is_delta or p.source_versions <> '{}')
                and pr.online_at > mv.reported_at, false) as asks_first,
       p.object_state = 'ok' and (not p.is_delta or mv.version = p.source_version)
       and (p.source_versions = '{}' or mv.version = any (p.source_versions)) as fits
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
left join module_version mv on mv.device_id = t.device_id and mv.module = t.module
left join presence pr on pr.device_id = t.device_id
where t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS')
  and (j.status = 'IN_PROGRESS' or (j.kind = 'dynamic' and j.status = 'CANCELED'))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
  and (p.object_state = 'ok' or t.awaiting in ('result', 'arrival')
       or (j.asks_version and t.package_id is null
           and exists (select from job_package c join package k on k.package_id = c.package_id
                       where c.job_id = t.job_id and k.object_state = 'ok')))
  and (t.awaiting in ('online', 'answer', 'result', 'arrival')
       or ((not p.is_delta or mv.version = p.source_version)
           and (p.source_versions = '{}' or mv.version = any (p.source_versions))));

-- The tasks that wait for a package whose object is lost: they have not been offered it in this attempt, or are to be
-- again. `back_at` is when a device that can't be asked came back, which may yet say that it has arrived. Where a job
-- chooses from several packages and nothing was chosen yet, all of them must be lost.
create view bereft as
select w.device_id, w.job_id, w.nth, w.back_at, k.package_id
from (
    select device_id, job_id, nth, package_id, null::timestamptz as back_at from task where state = 'CONFIRM'
    union all
    select device_id, job_id, nth, package_id, null from task
    where state = 'QUEUED' and (offered_on is null or awaiting in ('online', 'answer', 'offer'))
    union all
    select device_id, job_id, nth, package_id, case when awaiting = '' then due_at end from task
    where due_at is not null and node_id is not null
      and (awaiting = 'again' or (awaiting = '' and state = 'QUEUED' and offered_on is not null)
           or (awaiting = '' and state in ('NOTIFIED', 'IN_PROGRESS')))
) w
join job j using (job_id) join package k on k.package_id = coalesce(w.package_id, j.package_id)
where k.object_state in ('missing', 'differs') and k.deleted_at is null
  and (w.package_id is not null
       or not exists (select from job_package c join package o on o.package_id = c.package_id
                      where c.job_id = j.job_id and o.object_state in ('checking', 'ok')));
