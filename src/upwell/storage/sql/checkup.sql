-- What `upwell doctor` asks of a database.

-- name: facts
select current_setting('server_version_num')::int as version, current_setting('server_version') as shown,
       clock_timestamp() as now, current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit;

-- name: room
-- How many connections there may be of this role and at this database, how many processes of ours serve now, and how many
-- connections are other programs' (whose they are every role may see). Limits of a role and of a database do not bind a
-- superuser.
select case when r.rolsuper then s.connections else least(
           s.connections, nullif(r.rolconnlimit, -1),
           (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
       ) end as room,
       (select count(*) from node where lease_until > clock_timestamp()) as serving,
       (select count(*) from pg_stat_activity
        where usesysid is not null and coalesce(application_name, '') not like 'upwell%') as others
from pg_roles r, (
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - coalesce(current_setting('reserved_connections', true)::int, 0) as connections
) s
where r.rolname = current_user;
