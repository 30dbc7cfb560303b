-- Tasks as their owners see them.

-- name: product_of_job
select pr.product_key from job j join product pr using (product_id)
where j.job_id = :job_id and j.account_id = :account_id and j.deleted_at is null
  and (not :asking::boolean or j.part <> '');

-- name: strays_by_name
select device_id, name from job_stray where job_id = :job_id and name = any(:names::text[]);

-- name: tasks
-- A page of tasks: found on the index alone, then joined to what is shown of them. Those of given devices are of their
-- present lives; one of a former life shows what its device was known by then. With `asked`, `again` and `gone` beside
-- the states they are every way to stand as was asked for. With `asking` from high to low, targets that are no device
-- too; else from low to high. What few of them need is looked up for those: fewer tables are joined, and planned.
with fitting as not materialized (
    select t.device_id, t.job_id, t.nth
    from task t join job j using (job_id)
    where j.account_id = :account_id and (:job_id::bigint is null or t.job_id = :job_id)
      and (:device_ids::uuid[] is null
           or (t.device_id = any(:device_ids)
               and t.life = coalesce((select d.life from device d where d.device_id = t.device_id), t.life)))
      and (:states::text[] is null or t.state = any(:states)) and (:module::text is null or t.module = lower(:module))
      and (:asked::boolean[] is null
           or (t.state, t.awaiting not in ('', 'online'), t.attempt > 0 and t.awaiting in ('', 'online'),
               t.reason = 'device_deleted')
              in (select * from unnest(:states::text[], :asked::boolean[], :again::boolean[], :gone::boolean[])))
      and (:below::uuid is null or t.device_id < :below)
), page as (
    (select * from fitting where not :asking::boolean order by job_id, device_id, nth limit :take offset :skip)
    union all
    (select * from fitting where :asking::boolean order by job_id desc, device_id desc, nth desc
     limit :take offset :skip)
)
select t.device_id, t.job_id, t.nth, k.package_id, pr.product_key, pr.name as product_name, d.name as device_name,
       case when d.life = t.life then d.iot_id
            else coalesce((select dp.iot_id from device_past dp where dp.device_id = t.device_id and dp.life = t.life), '')
       end as iot_id,
       coalesce((select s.name from job_stray s where s.device_id = t.device_id and s.job_id = t.job_id),
                case when d.life = t.life then d.public_id
                     else (select dp.public_id from device_past dp
                           where dp.device_id = t.device_id and dp.life = t.life) end,
                (select own.product_key from product own where own.product_id = d.product_id) || '_' || d.name, '')
       as public_id,
       k.module, t.source_version, k.version as dest_version, t.state, t.awaiting not in ('', 'online') as asked,
       t.attempt > 0 and t.awaiting in ('', 'online') as again, t.reason = 'device_deleted' as gone, t.description,
       t.reason, t.code, t.progress, j.timeout_min, t.created_at, t.modified_at, k.object_state, k.object_problem
from page join task t using (device_id, job_id, nth) join job j using (job_id)
join package k on k.package_id = coalesce(t.package_id, j.package_id) join product pr on pr.product_id = j.product_id
left join device d on d.device_id = t.device_id
where :asking or d.device_id is not null
order by t.job_id, t.device_id, t.nth;

-- name: count_tasks
select count(*) from task t
where t.job_id = :job_id
  and (:device_ids::uuid[] is null
       or (t.device_id = any(:device_ids)
           and t.life = coalesce((select d.life from device d where d.device_id = t.device_id), t.life)))
  and (:states::text[] is null or t.state = any(:states)) and (:module::text is null or t.module = lower(:module))
  and (:asked::boolean[] is null
       or (t.state, t.awaiting not in ('', 'online'), t.attempt > 0 and t.awaiting in ('', 'online'),
           t.reason = 'device_deleted')
          in (select * from unnest(:states::text[], :asked::boolean[], :again::boolean[], :gone::boolean[])));
