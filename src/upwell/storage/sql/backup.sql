-- What a backup asks of the database, all in the snapshot that it is of.

-- name: taken
-- The snapshot as pg_dump takes it up, its moment, and the schema's version.
select pg_export_snapshot() as snapshot, now() as taken_at, (select max(version) from schema_version) as schema,
       pg_database_size(current_database()) as size;

-- name: stands_for
-- What packages that may be offered stand for: the object's size and digest.
select object_key, size, sha256, min(package_id) as package_id from package
where object_state = 'ok' and deleted_at is null group by object_key, size, sha256;

-- name: stood_for
-- The digests of what packages stood for at any moment since then.
select distinct sha256 from package where object_state = 'ok' and (deleted_at is null or deleted_at >= :since);

-- name: is_empty
-- Whether nothing is in this database's own schema.
select not exists (select from pg_class where relnamespace = 'public'::regnamespace);

-- name: analyze
analyze;

-- name: cluster
-- Which cluster this is, on which timeline of its log, of which PostgreSQL; and the schema's version.
select s.system_identifier::text as system, c.timeline_id as timeline,
       current_setting('server_version_num')::int / 10000 as postgres, (select max(version) from schema_version) as schema
from pg_control_system() s, pg_control_checkpoint() c;

