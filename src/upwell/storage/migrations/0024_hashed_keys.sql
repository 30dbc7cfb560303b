-- A key that is shown whole with each request (ADR 0033) is kept hashed; one that signs needs a secret that can be read. Any key
-- may end by itself, and tells when it was used last.

alter table access_key alter column secret drop not null;
alter table access_key add column secret_hash bytea;
alter table access_key add column expires_at timestamptz;
alter table access_key add column last_used_at timestamptz;
alter table access_key add constraint access_key_secret_check check ((secret is null) <> (secret_hash is null));
