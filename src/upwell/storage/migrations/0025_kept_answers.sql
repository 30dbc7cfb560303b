-- First answers to requests that may come again (ADR 0035), by what the requests name. What they say is sealed with what their
-- caller alone has; `who` is told so that another of the account is refused.
create table kept_answer (
    which       bytea primary key,                                    -- SHA-256 of account, operation, path and key
    account_id  bigint not null,
    who         text not null,
    fingerprint bytea not null,                                       -- SHA-256 of what was asked
    at          timestamptz not null,
    sealed      bytea not null,
    size        int not null                                          -- bytes of it
);
create index kept_answer_of_account on kept_answer (account_id) include (size);
create index kept_answer_by_age on kept_answer (at);
