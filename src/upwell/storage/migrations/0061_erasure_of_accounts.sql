-- expand
-- Accounts erased: rows by what they belong to (ADR 0068). A row goes by the index of that column, so many at a time.

-- The keys of rows that belong to these.
create function erasure_keys(of_table text, key text, by text, ids text[], at_most bigint)
returns setof text language plpgsql stable as $$
begin
    return query execute format(
        'select distinct t.%2$I::text from (select %2$I from %1$I where %3$I = any($1::%4$s[]) limit $2) t', of_table, key, by,
        (select format_type(atttypid, null) from pg_attribute where attrelid = quote_ident(of_table)::regclass and attname = by))
    using ids, at_most;
end $$;

-- Some of the rows that belong to these go. Returns how many.
create function erasure_drop_by(of_table text, by text, ids text[], at_most bigint) returns bigint language plpgsql as $$
declare
    n bigint;
begin
    execute format(
        'delete from %1$I where ctid = any(array(select ctid from %1$I where %2$I = any($1::%3$s[]) limit $2 for update))',
        of_table, by,
        (select format_type(atttypid, null) from pg_attribute where attrelid = quote_ident(of_table)::regclass and attname = by))
    using ids, at_most;
    get diagnostics n = row_count;
    return n;
end $$;

-- The changes that what is only added to knows beside its own: the word of an erasure under way takes the place of a name, and what is
-- of an account goes with it.
create or replace function audit_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('upwell.forgets', true) = 'audit' then
        return old;
    elsif tg_op = 'DELETE' and current_setting('upwell.forgets', true) = 'erasure'
        and exists (select from erasure e where e.what = 'account' and e.account_id = old.account_id) then
        return old;
    elsif tg_op = 'UPDATE' and old.minute is not null and new.times > old.times
        and to_jsonb(new) - 'times' = to_jsonb(old) - 'times' then
        return new;
    elsif tg_op = 'UPDATE' and current_setting('upwell.forgets', true) = 'erasure'
        and to_jsonb(new) - array['ids', 'changes'] = to_jsonb(old) - array['ids', 'changes']
        and exists (select from erasure e where strpos(new.ids::text || new.changes::text, e.word) > 0) then
        return new;
    end if;
    raise exception 'the audit is only added to';
end $$;

create or replace function decision_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_setting('upwell.forgets', true) = 'erasure'
        and to_jsonb(new) - array['reason', 'numbers'] = to_jsonb(old) - array['reason', 'numbers']
        and exists (select from erasure e where strpos(new.reason || new.numbers::text, e.word) > 0) then
        return new;
    elsif tg_op = 'DELETE' and current_setting('upwell.forgets', true) = 'erasure'
        and exists (select from erasure e join job j on j.account_id = e.account_id
                    where e.what = 'account' and j.job_id = old.job_id) then
        return old;
    end if;
    raise exception 'decisions are only added to';
end $$;
