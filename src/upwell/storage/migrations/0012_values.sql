-- Modules under one name in any case, and what a job looked at, to tell why it selected nobody (`status_desc`).

-- Names of modules are one whatever their case (alibaba 2.2). What is compared is kept folded: module_version.module,
-- task.module, task.slot and policy.module. As people spell it a name is in module.name and package.module, and as a
-- device spelt it in module_version.said.

alter table module_version add said text;  -- null: as `module`

-- Of one module that a device reported under several spellings the last report is its version.
delete from module_version v using module_version w
where v.device_id = w.device_id and lower(v.module) = lower(w.module)
  and (v.reported_at, v.module) < (w.reported_at, w.module);
update module_version set said = module, module = lower(module) where module <> lower(module);
-- Of two open tasks of a device for one module the newer one goes on (alibaba 7.3).
with older as (
    select t.device_id, t.job_id, t.nth, t.state from task t
    where t.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS') and t.slot <> ''
      and exists (select from task n where n.device_id = t.device_id and lower(n.slot) = lower(t.slot)
                  and n.state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS') and n.job_id > t.job_id)
), ended as (
    update task t
    set state = 'CANCELED', reason = 'overwritten', description = 'replaced by a later job', due_at = null,
        timeout_at = null, rev = t.rev + 1, modified_at = now()
    from older o where t.device_id = o.device_id and t.job_id = o.job_id and t.nth = o.nth
    returning t.device_id, t.job_id, t.nth, t.rev, o.state as from_state, t.state, t.description
)
insert into task_change (device_id, job_id, nth, rev, at, event, from_state, to_state, detail)
select device_id, job_id, nth, rev, now(), 'overwritten', from_state, state, description from ended;
update task set module = lower(module), slot = lower(slot) where module <> lower(module) or slot <> lower(slot);
update policy set module = lower(module) where module <> lower(module);

drop index package_of_module;
create index package_of_module on package (product_id, lower(module)) where deleted_at is null;

alter table job
    add looked int not null default 0;       -- devices that were looked at while its tasks were made
