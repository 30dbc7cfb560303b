-- Who is signed in from where, and when they last asked (noted once a minute).
alter table session
    add tongue       text not null default '',                            -- by which they signed in
    add address      text not null default '',                            -- where they signed in from
    add last_used_at timestamptz;
