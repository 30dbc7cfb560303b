-- What is asked of tasks again and again, said once.

-- domain/task.py: OPEN. Written out where it is used, so that the partial indexes on open tasks serve.
create function is_open(state text) returns boolean
    language sql immutable parallel safe
    return state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS');

-- A task with the facts of its job and package that its life depends on (domain/task.py: Task). The row is what was
-- locked: the package is joined to that, for one that was chosen while the lock was waited for is not the snapshot's.
create function task_facts(t task) returns table (
    device_id uuid, job_id bigint, nth smallint, module text, slot text, state text, source_version text,
    destination text, is_delta boolean, job_sources text[], package_sources text[], group_id bigint, need_push boolean,
    retry_interval_min int, retry_count int, timeout_min int, progress smallint, attempt smallint, description text,
    reason text, failure_ref text, due_at timestamptz, offered_on uuid, offered_at timestamptz,
    timeout_at timestamptz, awaiting text, package_id bigint, code int, rev int)
    language sql stable
begin atomic
    select t.device_id, t.job_id, t.nth, t.module, t.slot, t.state, t.source_version, p.version, p.is_delta,
           j.source_versions, case when p.is_delta then array[p.source_version] else p.source_versions end,
           case when j.kind = 'dynamic' then j.group_id end, j.need_push, j.retry_interval_min, j.retry_count,
           j.timeout_min, t.progress, t.attempt, t.description, t.reason, t.failure_ref, t.due_at, t.offered_on,
           t.offered_at, t.timeout_at, t.awaiting, t.package_id, t.code, t.rev
    from job j join package p on p.package_id = coalesce(t.package_id, j.package_id)
    where j.job_id = t.job_id;
end;
