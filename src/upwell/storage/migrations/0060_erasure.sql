-- expand
-- What is being erased, and how far that has come (ADR 0068). A row goes last of all, so that what was killed goes on.
create table erasure (
    pseudonym  uuid primary key,           -- what stands in the place of the id
    word       text not null unique,       -- and of names
    what       text not null check (what in ('device', 'account')),
    account_id bigint not null,
    sought     jsonb not null,             -- what it is known by
    pass       int not null default 1,     -- it is over when a whole one finds nothing
    at_table   text not null default '',
    block      bigint not null default 0,
    found      bigint not null default 0,  -- rows, in this pass
    told       jsonb not null default '{}',  -- by table: what was done with how many rows
    began_at   timestamptz not null
);

-- The rows of some blocks of a table of which some column says one of these, or has a word that the pattern is of.
create function erasure_look(of_table text, block bigint, blocks bigint, sought text[], words text)
returns table (place tid, held jsonb) language plpgsql stable as $$
begin
    return query execute format(
        'select t.ctid, to_jsonb(t) from %I t cross join lateral (select t::text as said offset 0) l
         where t.ctid >= $1 and t.ctid < $2 and (
             exists (select from unnest($3) s where strpos(l.said, s) > 0) or l.said ~ $4)', of_table)
    using format('(%s,0)', block)::tid, format('(%s,0)', block + blocks)::tid, sought, words;
end $$;

-- Columns of a row become these, if it is as it was. Returns how many rows were.
create function erasure_write(of_table text, place tid, was jsonb, becomes jsonb) returns bigint language plpgsql as $$
declare
    n bigint;
begin
    execute format('update %1$I t set %2$s from jsonb_populate_record(null::%1$I, $3) n where t.ctid = $1 and to_jsonb(t) = $2',
                   of_table, (select string_agg(format('%1$I = n.%1$I', k), ', ') from jsonb_object_keys(becomes) k))
    using place, was, becomes;
    get diagnostics n = row_count;
    return n;
end $$;

-- A row goes, if it is as it was.
create function erasure_drop(of_table text, place tid, was jsonb) returns bigint language plpgsql as $$
declare
    n bigint;
begin
    execute format('delete from %I t where t.ctid = $1 and to_jsonb(t) = $2', of_table) using place, was;
    get diagnostics n = row_count;
    return n;
end $$;

-- PostgreSQL's statistics of a table have some of its values in them: they are made anew.
create function erasure_analyse(of_table text) returns void language plpgsql as $$
begin
    execute format('analyze %I', of_table);
end $$;
