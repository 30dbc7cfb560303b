-- Approvals: of which job, of which revision, made by whom, decided by whom. What follows what is domain/approval.py's to say.

-- name: ask
insert into job_approval (job_id, stands, makers, asked_at) values (:job_id, 'awaiting', array[:who], :now);

-- name: lock_approval
-- The caller has locked its job.
select stands, revision, makers, asked_at from job_approval where job_id = :job_id for update;

-- name: ask_anew
update job_approval set stands = :stands, revision = revision + 1, makers = :makers, asked_at = :now, decided_at = null,
                        decided_by = '', remark = ''
where job_id = :job_id returning revision;

-- name: decide
update job_approval set stands = :stands, decided_at = :now, decided_by = :who, remark = :remark where job_id = :job_id;

-- name: keep_back
-- The caller has the job alone.
update job set unapproved = true, modified_at = :now where job_id = :job_id;

-- name: let_go
-- Of a locked job; it begins if its time has come, and its devices are chosen from now. Waits for what Upwell says first have
-- their whole time again.
update job set unapproved = false, let_on_at = :now, modified_at = :now,
       status = case when is_time then 'IN_PROGRESS' else job.status end,
       started_at = case when is_time then :now::timestamptz else job.started_at end
from (select job_id, status = 'PLANNED' and (scheduled_at is null or scheduled_at <= :now) as is_time
      from job where job_id = :job_id) j
where job.job_id = j.job_id returning is_time;

-- name: show_defaults
select rollout_defaults from account where account_id = :account_id;

-- name: set_defaults
update account set rollout_defaults = :defaults where account_id = :account_id;

-- name: defaults_of_product
select p.rollout_defaults as of_product, a.rollout_defaults as of_account
from product p join account a using (account_id) where p.product_id = :product_id;

-- name: count_devices
-- Of a product, by its counters.
select coalesce(sum(devices), 0)::bigint from fleet_count where product_id = :product_id;
