-- Surveys: reasons of jobs and plans, and how far each has come. The targets of a plan stand among those of jobs, under its number.

-- name: lock_account
select pg_advisory_xact_lock(hashtextextended('surveys ' || :account_id::bigint, 7386037));

-- name: count_running
select count(*) from survey where account_id = :account_id and what = :what and status = 'running';

-- name: make
insert into survey (survey_id, account_id, what, job_id, product_id, asked, status, created_at)
values (:survey_id, :account_id, :what, :job_id, :product_id, :asked, 'running', :now);

-- name: last_of_job
-- The last survey of the job, if it is not older than that or still under way.
select survey_id from survey
where job_id = :job_id and account_id = :account_id and what = 'reasons'
  and (status = 'running' or (status = 'done' and ended_at > :since))
order by survey_id desc limit 1;

-- name: show
select s.*, p.product_key from survey s join product p using (product_id)
where s.survey_id = :survey_id and s.account_id = :account_id and s.what = :what;

-- name: waiting
-- Those under way; one of which nothing was read yet is new.
select survey_id, looked = 0 and stage = 0 as is_new from survey where status = 'running' order by survey_id limit :at_most;

-- name: running
select * from survey where survey_id = :survey_id and status = 'running';

-- name: begin_part
-- This transaction looks each row up by its key, whatever PostgreSQL believes of how long the tables are: a part costs the same
-- in any fleet.
select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true);

-- name: move_on
-- Nothing comes back when another process was at it meanwhile.
update survey set stage = :stage, after_device = :after_device, after_nth = :after_nth, looked = :looked, found = :found,
                  status = case when :is_over then 'done' else status end,
                  ended_at = case when :is_over then :now::timestamptz end
where survey_id = :survey_id and status = 'running' and stage = :from_stage
  and after_device is not distinct from :from_device::uuid and after_nth = :from_nth
returning survey_id;

-- name: fail
update survey set status = 'failed', problem = :problem, ended_at = :now where survey_id = :survey_id and status = 'running';

-- name: drop
update survey set status = 'failed', problem = :problem, ended_at = :now
where survey_id = :survey_id and account_id = :account_id and what = :what and status = 'running'
  and (:product_id::bigint is null or product_id = :product_id);

-- name: tell_trouble
update survey set problem = :problem where survey_id = :survey_id and status = 'running';

-- name: forget
-- Old ones with their targets, and of an account those beyond so many. A part of the targets at a time, the survey when none is left.
with old as materialized (
    (select survey_id from survey where created_at < :before order by created_at limit :at_most)
    union
    (select survey_id from (
        select survey_id, row_number() over (partition by account_id, what order by survey_id desc) as place from survey
    ) s where place > :kept and survey_id not in (select survey_id from survey where status = 'running') limit :at_most)
), gone as (
    delete from job_target t using (
        select x.device_id, x.job_id from old o cross join lateral (
            select x.device_id, x.job_id from job_target x where x.job_id = o.survey_id limit :chunk
        ) x
    ) x
    where t.device_id = x.device_id and t.job_id = x.job_id
    returning t.job_id
), counted as (
    select job_id, count(*) as n from gone group by job_id
)
delete from survey s using old o left join counted c on c.job_id = o.survey_id
where s.survey_id = o.survey_id and coalesce(c.n, 0) < :chunk
returning s.survey_id;

-- name: list_stays
-- A list that a plan was made of may still be used.
update upload set used = false where object_key = :object_key;

-- name: is_ruled
select exists (select from job where package_id = :package_id and kind = 'dynamic' and status = 'IN_PROGRESS');

-- name: package
-- What decides a plan of the package.
select p.version as destination, lower(p.module) as module, p.is_delta, p.source_version, p.size, p.md5, p.files <> '[]' as is_several,
       sources_of(:versions, p.source_versions) as sources
from package p where p.package_id = :package_id;

-- name: classify
-- How these devices, or the product's of a span by id, would stand to a job that is made now, those that stand alike in one row,
-- with some of them. One is busy when an open task has it that the job would not take the place of. Each is looked up by its keys.
select coalesce(f.misfit, case when b.job_id is not null then 'queued_behind' end) as code, mv.version,
       coalesce(pr.vendor, '') as vendor, b.job_id as beside,
       kept_by(d.enabled, pr.online_at, pr.node_id is not null, pr.offline_at, :away_since, sb.until_at, :now) as keeps,
       f.misfit is null and exists (select from version_past v where v.device_id = d.device_id and v.module = :module
                                    and v.version = :destination) as ran_before,
       count(*) as n, (array_agg(d.device_id))[1:(:shown::int)] as examples
from device d
left join module_version mv on mv.device_id = d.device_id and mv.module = :module
left join presence pr on pr.device_id = d.device_id
left join setback sb on sb.device_id = d.device_id
cross join lateral (select misfit(mv.version, :destination, :sources, :delta_source, :led_from) as misfit) f
left join lateral (
    select o.job_id from task o join job oj using (job_id)
    where f.misfit is null and o.device_id = d.device_id and is_open(o.state) and (:slot::text = '' or o.slot in ('', :slot))
      and not gives_way(o.state, o.slot, oj.kind, :slot, :replaced::text[], :overwrite, :multi_module, :is_dynamic)
      and not (o.acts < oj.acts and exists (select from halt_of(o.job_id, o.acts, o.state)))
    limit 1
) b on true
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until
  and (:device_ids::uuid[] is null or d.device_id = any(:device_ids::uuid[]))
  and (:since::uuid is null or d.device_id between :since::uuid and :last::uuid)
group by 1, 2, 3, 4, 5, 6;

-- name: classify_span
-- The same of all of the product's devices in a span of ids, most of which are its own. Each table is read along that span, which
-- costs a third of so many look-ups. The jobs of tasks are looked up, so that not all jobs are read.
with busy as (
    select distinct on (o.device_id) o.device_id, o.job_id
    from task o cross join lateral (select oj.kind, oj.acts from job oj where oj.job_id = o.job_id limit 1) oj
    where o.device_id between :since and :last and is_open(o.state) and (:slot::text = '' or o.slot in ('', :slot))
      and not gives_way(o.state, o.slot, oj.kind, :slot, :replaced::text[], :overwrite, :multi_module, :is_dynamic)
      and not (o.acts < oj.acts and exists (select from halt_of(o.job_id, o.acts, o.state)))
    order by o.device_id
)
select coalesce(f.misfit, case when b.job_id is not null then 'queued_behind' end) as code, mv.version,
       coalesce(pr.vendor, '') as vendor, case when f.misfit is null then b.job_id end as beside,
       kept_by(d.enabled, pr.online_at, pr.node_id is not null, pr.offline_at, :away_since, sb.until_at, :now) as keeps,
       f.misfit is null and vp.device_id is not null as ran_before,
       count(*) as n, (array_agg(d.device_id))[1:(:shown::int)] as examples
from device d
left join module_version mv on mv.device_id = d.device_id and mv.module = :module and mv.device_id between :since and :last
left join presence pr on pr.device_id = d.device_id and pr.device_id between :since and :last
left join setback sb on sb.device_id = d.device_id and sb.device_id between :since and :last
left join version_past vp on vp.device_id = d.device_id and vp.module = :module and vp.version = :destination
                         and vp.device_id between :since and :last
left join busy b on b.device_id = d.device_id
cross join lateral (select misfit(mv.version, :destination, :sources, :delta_source, :led_from) as misfit) f
where d.product_id = :product_id and d.deleted_at is null and d.created_at <= :until and d.device_id between :since and :last
group by 1, 2, 3, 4, 5, 6;

-- name: along_spans
-- What a part of a dense span does otherwise: the span of each table is read in the order in which it lies, and put together by
-- hashes. The plan is made for these very bounds, and is too short to be compiled.
select set_config('enable_hashjoin', 'on', true), set_config('enable_bitmapscan', 'on', true),
       set_config('enable_nestloop', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true);

-- name: next_span
-- The last of the next devices of a product, by id; none: the rest are fewer. And how many devices of any product there are to
-- there, as far as that is asked.
select s.last, (
    select count(*) from (
        select from device d where d.device_id between :since and coalesce(s.last, 'ffffffff-ffff-ffff-ffff-ffffffffffff') limit :most
    ) d
) as beside
from (select (
    select device_id from device where product_id = :product_id and deleted_at is null and device_id >= :since
    order by device_id offset :at_most::int - 1 limit 1
) as last) s;

-- name: guarded_before
-- The last guarded jobs of the product of whose offers there are numbers.
select b.job_id, b.epoch, b.offered from budget b join job j using (job_id)
where j.job_id = any(array(select g.job_id from job g where g.product_id = :product_id and g.account_id = :account_id
                           and g.deleted_at is null order by g.job_id desc limit :look_at))
  and b.is_guarded and b.offered > 0
order by b.job_id desc limit :at_most;

-- name: numbers_before
-- The numbers of the failed offers of a job's present score, by stretches.
select stretch, numbers from job_stretch where job_id = :job_id and epoch = :epoch and stratum = 0 order by stretch limit :at_most;
