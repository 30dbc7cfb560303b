-- The schema's version and what stands in the way of another. What is asked of a database that no program of ours knows yet
-- names no column that came late.

-- name: what_is_there
select to_regclass('schema_version') is not null as has_steps, to_regclass('schema_progress') is not null as has_parts,
       to_regclass('node') is not null as has_nodes;

-- name: done
-- The steps, and which one a program must know after each.
select version, coalesce((to_jsonb(v) ->> 'needs')::int, version) as needs from schema_version v;

-- name: begun
select version, needs from schema_progress;

-- name: lock
select pg_try_advisory_lock(:which);

-- name: unlock
select pg_advisory_unlock(:which);

-- name: wait_for_locks
-- In this transaction.
select set_config('lock_timeout', :wait, true);

-- name: progress
-- How far a step has come.
select parts, after from schema_progress where version = :version;

-- name: note_progress
insert into schema_progress (version, needs, parts, after, changed_at)
values (:version, :needs, :parts, :after, clock_timestamp())
on conflict (version) do update set parts = excluded.parts, after = excluded.after, changed_at = excluded.changed_at;

-- name: forget_progress
delete from schema_progress where version = :version;

-- name: step_is_done
insert into schema_version (version, needs) values (:version, :needs);

-- name: is_index_good
-- Null: it is not there.
select i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
where c.relname = :name and c.relnamespace = current_schema()::regnamespace;

-- name: living_nodes
-- Nodes with a lease whose program does not know that step.
select node_id, 'upwell ' || (to_jsonb(n) ->> 'program') as program from node n
where lease_until > clock_timestamp() and coalesce((to_jsonb(n) ->> 'knows')::int, 0) < :needed;

-- name: old_sessions
-- Connections of programs that do not know that step: each says in its name which one it knows, as programs of 0.1.0 did not.
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and (application_name = 'upwell' or application_name like 'upwell %')
  and coalesce(substring(application_name from '\d+'), '0')::int < :needed;

-- name: end_leases
update node n set lease_until = clock_timestamp()
where lease_until > clock_timestamp() and coalesce((to_jsonb(n) ->> 'knows')::int, 0) < :needed;

-- name: end_sessions
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and (application_name = 'upwell' or application_name like 'upwell %')
  and coalesce(substring(application_name from '\d+'), '0')::int < :needed;

-- name: oldest_transaction
select pid, application_name as name, extract(epoch from clock_timestamp() - xact_start)::int as age_s from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null order by xact_start limit 1;

-- name: rows_of
select c.relname as name, greatest(c.reltuples, 0)::bigint as about from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname = any(:tables::text[]);
