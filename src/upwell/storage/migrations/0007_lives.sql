-- What devices say they run, whatever they say; and the lives of a device: each registration under a name begins one.

-- Null: unknown. It said something at reported_at that is no text, or none that can be kept; never what it said before.
alter table module_version alter version drop not null;

alter table device
    add life int not null default 0;       -- counts how often the name was registered anew
alter table task
    add life int not null default 0;       -- the device's when the task was made; another one's is not its own
alter table registered
    add life int not null default 0;
-- What was made for a device before it was registered anew belongs to a life that nobody counted.
update task t set life = -1 from device d where d.device_id = t.device_id and t.created_at < d.created_at;
-- The devices of a batch were made at one time, after the batch was asked for: at once, unless names were checked first.
-- One that is newer, or that a later batch made too, is another one.
with batch as (
    select g.apply_id, min(d.created_at) as made_at from registered g join device d using (device_id) group by g.apply_id
), listed as (
    select g.apply_id, g.place, g.device_id, d.created_at, r.names is null as at_once, r.created_at as asked_at, b.made_at,
           row_number() over (partition by g.device_id order by r.created_at desc, g.apply_id desc) as nth_last
    from registered g join device d using (device_id) join registration r using (apply_id) join batch b using (apply_id)
)
update registered g set life = -1 from listed l
where l.apply_id = g.apply_id and l.place = g.place and l.device_id = g.device_id
  and (l.nth_last > 1 or l.created_at > l.made_at or (l.at_once and l.created_at > l.asked_at + interval '1 minute'));

create table device_past (                 -- by what a device was known in a life that is over
    device_id uuid not null,
    life      int not null,
    iot_id    text not null,
    public_id text,
    primary key (device_id, life)
);
