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
update registered g set life = -1 from device d, registration r
where d.device_id = g.device_id and r.apply_id = g.apply_id and r.created_at < d.created_at;

create table device_past (                 -- by what a device was known in a life that is over
    device_id uuid not null,
    life      int not null,
    iot_id    text not null,
    public_id text,
    primary key (device_id, life)
);
