-- Hooks send an account the news of its jobs; they were called rules, and lists of targets were called batch files.

alter table rule rename to hook;
alter table hook rename column rule_id to hook_id;
alter table hook rename constraint rule_pkey to hook_pkey;
alter index rule_newest rename to hook_newest;

alter table rule_action rename to hook_action;
alter table hook_action rename column rule_id to hook_id;
alter table hook_action rename constraint rule_action_pkey to hook_action_pkey;
alter index action_of_rule rename to action_of_hook;

alter table batch_file rename to target_file;
alter table target_file rename constraint batch_file_pkey to target_file_pkey;
alter index batch_file_newest rename to target_file_newest;

-- PostgreSQL 18 names the constraints of columns that are never null after their table; earlier ones have none.
do $$
declare it record;
begin
    for it in
        select c.conname, c.conrelid::regclass::text as of_table, a.attname
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'n' and c.conrelid in ('hook'::regclass, 'hook_action'::regclass, 'target_file'::regclass)
    loop
        execute format('alter table %I rename constraint %I to %I', it.of_table, it.conname,
                       it.of_table || '_' || it.attname || '_not_null');
    end loop;
end $$;
