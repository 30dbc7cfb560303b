-- What owners did and were refused (ADR 0034). Ids begin with the time, so the newest are found first by either index.
create table audit (
    entry_id   bigint primary key,
    account_id bigint not null,                                       -- 0: of no account
    at         timestamptz not null,
    who        text not null,
    tongue     text not null,
    address    text not null,
    operation  text not null,
    result     text not null,                                         -- done, begun, or a refusal's code
    request_id text not null,
    minute     timestamptz,                                           -- of refusals alone: those that are alike are one row
    times      int not null default 1,
    ids        jsonb not null,
    changes    jsonb not null
);
create index audit_of_account on audit (account_id, entry_id);
create unique index audit_refusal on audit (account_id, minute, who, operation, result) where minute is not null;

-- It is only added to. Retention says in its transaction that it forgets; of a refusal the count may grow.
create function audit_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('upwell.forgets', true) = 'audit' then
        return old;
    elsif tg_op = 'UPDATE' and old.minute is not null and new.times > old.times
        and to_jsonb(new) - 'times' = to_jsonb(old) - 'times' then
        return new;
    end if;
    raise exception 'the audit is only added to';
end $$;
create trigger audit_stays before update or delete on audit for each row execute function audit_stays();
create trigger audit_stays_whole before truncate on audit for each statement execute function audit_stays();

-- Refused calls of whoever proved to be nobody: how many, by the network that they came from.
create table audit_stranger (
    minute  timestamptz not null,
    address text not null,                                            -- empty: of all that there was no room for
    times   bigint not null,
    primary key (minute, address)
);
