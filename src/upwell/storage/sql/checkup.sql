-- What `upwell doctor` asks of a database.

-- name: facts
select current_setting('server_version_num')::int as version, current_setting('server_version') as shown,
       clock_timestamp() as now, current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit;
