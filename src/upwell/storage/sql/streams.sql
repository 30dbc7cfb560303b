-- Firmware that devices fetch in blocks over their own connection.

-- name: streams_of_device
-- The files a device may fetch in blocks now: of its open tasks whose offer was made and not cancelled since (L5, L6).
select t.device_id, t.job_id, t.nth, p.object_key, p.size
from task t join job j using (job_id) join package p using (package_id)
where t.device_id = $1 and j.protocol = 'MQTT' and jsonb_array_length(p.files) = 0
  and (t.state in ('NOTIFIED', 'IN_PROGRESS') or (t.state = 'QUEUED' and t.offered_on is not null))
  and p.deleted_at is null and (p.status in ('verified', 'exempt') or (j.kind = 'verify' and p.status = 'verifying'));
