-- Rules that send an account the news of its jobs, where it goes, and what is still to be sent.

-- name: lock_account
-- One rule or action is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = $1 for no key update;

-- name: space_id
-- The space of that key, or the account's default one, which has the account's number.
select space_id from space where account_id = $1 and case when $2::text is null then space_id = $1 else key = $2 end;

-- name: count_rules
select count(*) from rule where account_id = $1;

-- name: make_rule
insert into rule (rule_id, account_id, name, description, space_id, created_at) values ($1, $2, $3, $4, $5, $6);

-- name: show_rules
-- Views of rules, in the order of the given ids.
select r.rule_id, r.name, r.description, s.key as space, r.active, r.created_at
from unnest($2::bigint[]) with ordinality as w(rule_id, place)
join rule r using (rule_id) left join space s using (space_id)
where r.account_id = $1
order by w.place;

-- name: count_scanned_rules
select count(*) from rule r left join space s using (space_id)
where r.account_id = $1 and ($2::boolean is null or (r.space_id is not null) = $2) and ($3::text is null or s.key = $3)
  and ($4::text is null or r.name = $4) and ($5::boolean is null or r.active = $5);

-- name: scan_rules
select r.rule_id from rule r left join space s using (space_id)
where r.account_id = $1 and ($2::boolean is null or (r.space_id is not null) = $2) and ($3::text is null or s.key = $3)
  and ($4::text is null or r.name = $4) and ($5::boolean is null or r.active = $5)
  and ($6::bigint is null or r.rule_id < $6)
order by r.rule_id desc limit $7 offset $8;

-- name: change_rule
update rule set name = coalesce($3, name), description = coalesce($4, description), active = coalesce($5, active)
where rule_id = $1 and account_id = $2 returning rule_id;

-- name: drop_rule
delete from rule where rule_id = $1 and account_id = $2 returning rule_id;

-- name: drop_actions
delete from rule_action where rule_id = $1;

-- name: drop_news_of_rule
delete from news where action_id in (select action_id from rule_action where rule_id = $1);

-- name: rule_for_action
select rule_id from rule where rule_id = $1 and account_id = $2 for share;

-- name: count_actions
select count(*) from rule_action where rule_id = $1;

-- name: make_action
insert into rule_action (action_id, rule_id, account_id, url, token, server_name, created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: show_actions
-- Views of actions, in the order of the given ids.
select a.action_id, a.rule_id, s.key as space, a.url, a.token is not null as is_signed, a.server_name, a.created_at
from unnest($2::bigint[]) with ordinality as w(action_id, place)
join rule_action a using (action_id) join rule r using (rule_id) left join space s using (space_id)
where a.account_id = $1
order by w.place;

-- name: count_scanned_actions
select count(*) from rule_action a join rule r using (rule_id) left join space s using (space_id)
where a.account_id = $1 and ($2::bigint is null or a.rule_id = $2)
  and ($3::boolean is null or (r.space_id is not null) = $3) and ($4::text is null or s.key = $4);

-- name: scan_actions
select a.action_id from rule_action a join rule r using (rule_id) left join space s using (space_id)
where a.account_id = $1 and ($2::bigint is null or a.rule_id = $2)
  and ($3::boolean is null or (r.space_id is not null) = $3) and ($4::text is null or s.key = $4)
  and ($5::bigint is null or a.action_id < $5)
order by a.action_id desc limit $6 offset $7;

-- name: change_action
update rule_action set url = $3, token = $4, server_name = $5
where action_id = $1 and account_id = $2 returning action_id;

-- name: redirect_news
-- What waits for an action goes where it points now, and at once.
update news set url = $2, next_at = $3 where action_id = $1;

-- name: drop_action
delete from rule_action where action_id = $1 and account_id = $2 returning action_id;

-- name: drop_news_of_action
delete from news where action_id = $1;

-- name: note_progress
-- Nothing comes back when the job stood so already. The row is locked, so news of a job is counted in its order.
insert into job_noted as n (job_id, progress, nth, noted_at) values ($1, $2, 1, $3)
on conflict (job_id) do update
set progress = excluded.progress, nth = n.nth + 1, noted_at = greatest(n.noted_at, excluded.noted_at)
where n.progress <> excluded.progress
returning nth, noted_at;

-- name: make_news
-- For every action of the rules that are active and about the job's space.
insert into news (action_id, job_id, nth, url, part, space, progress, reason, noted_at, next_at)
select a.action_id, j.job_id, $2, a.url, $3, s.key, $4, $5, $6, $6
from job j join product p using (product_id) join space s using (space_id)
join rule r on r.account_id = j.account_id and r.active and (r.space_id is null or r.space_id = s.space_id)
join rule_action a using (rule_id)
where j.job_id = $1;

-- name: forget_news
-- What nobody took in time.
delete from news where noted_at < $1;

-- name: claim_news
-- The oldest of every URL, if it may be tried; until $2 no other process does. Later news of a URL waits for it.
update news n
set next_at = $2, tries = n.tries + 1
from (
    select action_id, job_id, nth from news w
    where w.next_at <= $1
      and not exists (
          select from news o
          where o.url = w.url
            and (o.noted_at, o.job_id, o.nth, o.action_id) < (w.noted_at, w.job_id, w.nth, w.action_id))
    order by w.next_at limit $3 for update skip locked
) due, rule_action a
where n.action_id = due.action_id and n.job_id = due.job_id and n.nth = due.nth and a.action_id = n.action_id
returning n.action_id, n.job_id, n.nth, n.url, n.part, n.space, n.progress, n.reason, n.noted_at, n.tries, a.token,
          a.server_name;

-- name: settle_sent
delete from news where action_id = $1 and job_id = $2 and nth = $3;

-- name: put_off_news
-- It was not taken. Left alone when the claim is another's by now.
update news set next_at = $5 where action_id = $1 and job_id = $2 and nth = $3 and tries = $4;
