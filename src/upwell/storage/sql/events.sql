-- What happens: made in the transaction that made it true, placed after its commit, forgotten from the low end.

-- name: wanted
-- Whether any account wants to be told what its devices do, and when they come and go.
select coalesce(bool_or(of_devices), false) as of_devices, coalesce(bool_or(of_presence), false) as of_presence
from event_setting where of_devices or of_presence;

-- name: make
insert into event_made (account_id, kind, at, job_id, package_id, name, facts)
values (:account_id, :kind, :now, :job_id, :package_id, :name, :facts);

-- name: make_of_job
insert into event_made (account_id, kind, at, job_id, facts)
select account_id, :kind, :now, job_id, :facts::jsonb from job where job_id = :job_id;

-- name: make_of_package
insert into event_made (account_id, kind, at, package_id, facts)
select account_id, :kind, :now, package_id, :facts::jsonb from package where package_id = :package_id;

-- name: make_of_tasks
insert into event_made (account_id, kind, at, device_id, job_id, facts)
select j.account_id, n.kind, :now, n.device_id, n.job_id, n.facts
from unnest(:device_ids::uuid[], :job_ids::bigint[], :kinds::text[], :facts::jsonb[]) with ordinality
     as n(device_id, job_id, kind, facts, place)
join job j using (job_id) join event_setting s on s.account_id = j.account_id and s.of_devices
order by n.place;

-- name: make_of_followers
-- Of these tasks of a job that a halt ended those that their devices had been offered.
insert into event_made (account_id, kind, at, device_id, job_id, facts)
select j.account_id, :kind, :now, t.device_id, t.job_id,
       jsonb_build_object('nth', t.nth, 'module', t.module, 'to', p.version, 'state', t.state, 'from', t.source_version,
                          'reason', t.reason, 'description', t.description)
from unnest(:device_ids::uuid[], :nths::smallint[]) as n(device_id, nth)
cross join lateral (
    select * from task t where t.device_id = n.device_id and t.job_id = :job_id and t.nth = n.nth limit 1
) t
join job j using (job_id) join event_setting s on s.account_id = j.account_id and s.of_devices
join package p on p.package_id = coalesce(case when j.led_from is null then t.package_id end, j.package_id)
where t.acts = :act and t.state = :state and t.modified_at = :now and t.offered_at is not null
order by t.device_id, t.nth;

-- name: make_of_devices
insert into event_made (account_id, kind, at, device_id, facts)
select p.account_id, :kind, :now, d.device_id, '{}'
from unnest(:device_ids::uuid[]) as n(device_id) join device d using (device_id) join product p using (product_id)
join event_setting s on s.account_id = p.account_id and case when :of_presence then s.of_presence else s.of_devices end
order by d.device_id;

-- name: make_of_versions
-- What these locked devices run from now, where it is another version. To be called before it is saved.
insert into event_made (account_id, kind, at, device_id, facts)
select p.account_id, :kind, :now, d.device_id,
       jsonb_build_object('module', n.module, 'from', v.version, 'to', n.version, 'by_result', :by_result::boolean)
from unnest(:device_ids::uuid[], :modules::text[], :versions::text[]) as n(device_id, module, version)
join device d using (device_id) join product p using (product_id)
join event_setting s on s.account_id = p.account_id and s.of_devices
left join module_version v on v.device_id = n.device_id and v.module = n.module
where v.version is distinct from n.version
order by d.device_id, n.module;

-- name: any_made
select exists (select from event_made);

-- name: lock_head
-- Nothing comes back while another process places.
select position from event_head for update skip locked;

-- name: place
-- The next of those that are committed, behind the head. Those of one subject are in the order in which they were made:
-- who makes one holds its subject's row. Returns how many, and the new head.
with taken as (
    delete from event_made where made_id = any(array(select made_id from event_made order by made_id limit :at_most))
    returning *
), placed as (
    insert into event (position, account_id, kind, subject, at, device_id, job_id, package_id, product_id, product_key,
                       public_id, name, facts)
    select :head::bigint + row_number() over (order by t.made_id), t.account_id, t.kind,
           coalesce('device ' || t.device_id, 'rollout ' || t.job_id, 'package ' || t.package_id,
                    split_part(t.kind, '.', 1) || ' ' || t.name, t.kind),
           t.at, t.device_id, t.job_id, coalesce(t.package_id, j.package_id),
           pr.product_id, pr.product_key, coalesce(d.public_id, pr.product_key || '_' || d.name), t.name, t.facts
    from taken t left join job j on j.job_id = t.job_id left join device d on d.device_id = t.device_id
    left join package k on k.package_id = t.package_id
    left join product pr on pr.product_id = coalesce(d.product_id, j.product_id, k.product_id)
    returning position, account_id
), counted as (
    insert into event_setting as s (account_id, kept)
    select account_id, count(*) from placed group by account_id order by account_id
    on conflict (account_id) do update set kept = s.kept + excluded.kept
)
select count(*) as n, coalesce(max(position), :head) as head from placed;

-- name: move_head
update event_head set position = :head;

-- name: full
-- Accounts that have events which they keep no longer.
select s.account_id from event_setting s
where s.kept > s.keep_most
   or (s.kept > 0 and (select e.at from event e where e.account_id = s.account_id order by e.position limit 1)
                      < :now::timestamptz - make_interval(days => s.keep_days))
order by s.account_id;

-- name: forget
-- Some of the oldest events of the account. Returns how many.
with s as materialized (
    select * from event_setting where account_id = :account_id for update skip locked
), old as materialized (
    select e.position, e.at, row_number() over (order by e.position) as place from s
    cross join lateral (
        select position, at from event where account_id = s.account_id order by position limit :at_most
    ) e
), gone as (
    delete from event where position in (
        select position from old where position <= (
            select max(o.position) from old o, s
            where o.at < :now::timestamptz - make_interval(days => s.keep_days) or o.place <= s.kept - s.keep_most))
    returning position
), counted as (
    update event_setting set kept = kept - (select count(*) from gone),
                             forgotten_to = greatest(forgotten_to, (select max(position) from gone))
    where account_id = (select account_id from s)
)
select count(*) from gone;

-- name: bounds
-- The last position that the account has no more, and the head.
select coalesce((select forgotten_to from event_setting where account_id = :account_id), 0) as forgotten_to, position as head
from event_head;

-- name: head
select position from event_head;

-- name: list
-- Of the account's next events, no more than are looked at at once, the first that fit; and how far was looked.
with looked as materialized (
    select * from event where account_id = :account_id and position > :after order by position limit :looked_at_most
)
select e.*, l.last, l.n from (select max(position) as last, count(*) as n from looked) l
left join lateral (
    select * from looked
    where (:kind::text is null or kind = :kind) and (:job_id::bigint is null or job_id = :job_id)
      and (:product_id::bigint is null or product_id = :product_id)
    order by position limit :take
) e on true
order by e.position;

-- name: whose
-- The accounts that have an event between these positions.
select distinct account_id from event where position > :after and position <= :head;

-- name: has_job
select exists (select from job where job_id = :job_id and account_id = :account_id);

-- name: settings
-- An account that has said nothing has what a new row would.
select coalesce(s.of_devices, false) as of_devices, coalesce(s.of_presence, false) as of_presence,
       coalesce(s.keep_days, 30) as keep_days, coalesce(s.keep_most, 1000000) as keep_most
from (select 1) one left join event_setting s on s.account_id = :account_id;

-- name: set_settings
update event_setting
set of_devices = coalesce(:of_devices, of_devices), of_presence = coalesce(:of_presence, of_presence),
    keep_days = coalesce(:keep_days, keep_days), keep_most = coalesce(:keep_most, keep_most)
where account_id = :account_id returning of_devices, of_presence, keep_days, keep_most;

-- name: make_settings
insert into event_setting (account_id) values (:account_id) on conflict do nothing;
