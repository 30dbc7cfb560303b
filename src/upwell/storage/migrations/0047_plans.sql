-- How a device would stand to a job that is made now: conditions of plans, which two statements share.

-- What keeps a device that takes part from being offered, as things stand; null: nothing.
create function kept_by(enabled boolean, online_at timestamptz, is_online boolean, offline_at timestamptz, away_since timestamptz,
                        aside_until timestamptz, now timestamptz)
returns text language sql immutable parallel safe
return case when not is_welcome(enabled, null) then 'disabled' when online_at is null then 'never_seen'
            when not is_online and offline_at < away_since then 'offline'
            when not is_let_in(aside_until, now) then 'set_aside' end;

-- Whether a new job for this slot would take the place of a task: one in a state that gives way.
create function gives_way(state text, slot text, kind text, for_slot text, replaced text[], overwrite boolean, multi_module boolean,
                          is_dynamic boolean)
returns boolean language sql immutable parallel safe
return state = any(replaced) and (overwrite or (multi_module and slot = for_slot) or (is_dynamic and kind = 'dynamic'));
