-- Firmware that devices fetch in blocks over their own connection.

-- name: streams_of_device
-- The files of a device's open tasks that are fetched in blocks, and whether their offer was made (L5, L6). The lock
-- waits for an offer that was sent and whose record is not committed yet: a quick device asks before.
select t.job_id, t.nth, p.object_key, p.size, t.state <> 'QUEUED' or t.offered_on is not null as offered
from task t join job j using (job_id) join package p on p.package_id = coalesce(t.package_id, j.package_id)
where t.device_id = :device_id and j.protocol = 'MQTT' and jsonb_array_length(p.files) = 0
  and t.state in ('QUEUED', 'NOTIFIED', 'IN_PROGRESS') and not exists (select from halt_of(t.job_id, t.acts, t.state))
  and p.deleted_at is null and p.object_state = 'ok'
  and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'))
for share of t;
