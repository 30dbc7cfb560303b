-- Jobs as their owners see them: found by what they are asked for, then shown.

-- name: find_jobs
-- With what tells how each stands; a null filter is no filter.
select j.job_id, j.status, j.materialised, j.stop_asked_at is not null as stop_asked, j.outcome
from job j join product pr using (product_id)
where j.account_id = :account_id and j.deleted_at is null
  and (:package_id::bigint is null or j.package_id = :package_id)
  and (:device_id::uuid is null or exists (select from task t join device d using (device_id, life)
                                           where t.job_id = j.job_id and t.device_id = :device_id))
  and (:part::text is null or j.part = :part) and (:space_id::bigint is null or pr.space_id = :space_id)
  and (:product_key::text is null or pr.product_key = :product_key)
  and {beyond}
order by {order} limit :take offset :skip;

-- name: count_jobs
select count(*) from job j join product pr using (product_id)
where j.account_id = :account_id and j.deleted_at is null
  and (:package_id::bigint is null or j.package_id = :package_id)
  and (:device_id::uuid is null or exists (select from task t join device d using (device_id, life)
                                           where t.job_id = j.job_id and t.device_id = :device_id))
  and (:part::text is null or j.part = :part) and (:space_id::bigint is null or pr.space_id = :space_id)
  and (:product_key::text is null or pr.product_key = :product_key);

-- name: show_jobs
-- In the order of the given ids. Targets are told while there are at most `targets_max` so far, so that a page is
-- bounded.
select j.job_id, j.kind, j.selection, j.status, j.source_versions, j.gray_percent::text as gray_percent,
       j.retry_interval_min, j.retry_count, j.timeout_min, j.maximum_per_min, j.overwrite, j.need_push, j.need_confirm,
       j.protocol, j.multi_module, j.scheduled_at, j.finish_at, j.tags, j.created_at, j.modified_at, j.started_at,
       j.ended_at, j.dynamic_mode, g.name as group_name, j.status_desc, p.name as package_name,
       p.version as dest_version, pr.product_key, j.asks_version, j.name, j.part, j.by_gateway, j.ext_info, j.facts,
       j.package_id, j.undoes, j.made_by,
       array(select c.package_id from job_package c where c.job_id = j.job_id order by c.place) as package_ids,
       case when j.group_id is null then j.group_ids else array[j.group_id] end as group_ids,
       case when sum(cardinality(j.targets)) over (order by w.place) <= :targets_max then j.targets
            else '{}' end as targets,
       j.materialised, j.outcome, j.stop_asked_at is not null as stop_asked, coalesce(j.paused_at, b.halted_at) as paused_at,
       case when b.halted_at is null then j.paused_by else 'guard' end as paused_by,
       case when b.halted_at is null then j.paused_why else b.halt ->> 'text' end as paused_why,
       j.open_wave, case when j.open_wave <> 0 then (select to_jsonb(r) from rollout r where r.job_id = j.job_id) end as rollout,
       case when b2.growth is not null or b2.at_once is not null or b2.bytes_per_s is not null then to_jsonb(b2) end as paced,
       h.hours, h.opens_at, j.open_until, j.open_until > clock_timestamp() as is_open,
       (select to_jsonb(a) from job_approval a where a.job_id = j.job_id) as approval,
       (select coalesce(max(k.object_problem), '') from job_package c join package k using (package_id)
        where c.job_id = j.job_id and k.object_state = 'checking' having count(*) > 0) as unread
from unnest(:job_ids::bigint[]) with ordinality as w(job_id, place) join job j using (job_id)
join package p using (package_id) join product pr on pr.product_id = j.product_id
left join budget b2 on b2.job_id = j.job_id
left join job_hours h on h.job_id = j.job_id
left join device_group g on g.group_id = j.group_id
left join budget b on b.job_id = j.job_id and b.halted_at is not null
                  and (j.status in ('PLANNED', 'IN_PROGRESS') or (j.kind = 'dynamic' and j.status = 'CANCELED'))
where j.account_id = :account_id and j.deleted_at is null and (not :asking::boolean or j.part <> '')
order by w.place;
