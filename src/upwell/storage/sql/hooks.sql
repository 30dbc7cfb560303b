-- Hooks, which send an account the news of its jobs, where it goes, and what is still to be sent.

-- name: lock_account
-- One hook or action is made at a time in an account, so that their number can be limited.
select account_id from account where account_id = :account_id for no key update;

-- name: count_hooks
select count(*) from hook where account_id = :account_id;

-- name: make_hook
insert into hook (hook_id, account_id, name, description, space_id, created_at)
values (:hook_id, :account_id, :name, :description, :space_id, :now);

-- name: show_hooks
-- Views of hooks, in the order of the given ids.
select h.hook_id, h.name, h.description, s.key as space, h.active, h.created_at
from unnest(:hook_ids::bigint[]) with ordinality as w(hook_id, place)
join hook h using (hook_id) left join space s using (space_id)
where h.account_id = :account_id
order by w.place;

-- name: count_listed_hooks
select count(*) from hook h
where h.account_id = :account_id and (:in_space::boolean is null or (h.space_id is not null) = :in_space)
  and (:space_id::bigint is null or h.space_id = :space_id)
  and (:name::text is null or h.name = :name) and (:active::boolean is null or h.active = :active);

-- name: list_hooks
select h.hook_id from hook h
where h.account_id = :account_id and (:in_space::boolean is null or (h.space_id is not null) = :in_space)
  and (:space_id::bigint is null or h.space_id = :space_id)
  and (:name::text is null or h.name = :name) and (:active::boolean is null or h.active = :active)
  and (:below::bigint is null or h.hook_id < :below)
order by h.hook_id desc limit :take offset :skip;

-- name: update_hook
update hook set name = coalesce(:name, name), description = coalesce(:description, description),
                active = coalesce(:active, active)
where hook_id = :hook_id and account_id = :account_id returning hook_id;

-- name: drop_hook
delete from hook where hook_id = :hook_id and account_id = :account_id returning hook_id;

-- name: drop_actions
delete from hook_action where hook_id = :hook_id;

-- name: drop_news_of_hook
delete from news where action_id in (select action_id from hook_action where hook_id = :hook_id);

-- name: hook_for_action
select hook_id from hook where hook_id = :hook_id and account_id = :account_id for share;

-- name: count_actions
select count(*) from hook_action where hook_id = :hook_id;

-- name: make_action
insert into hook_action (action_id, hook_id, account_id, url, token, server_name, created_at)
values (:action_id, :hook_id, :account_id, :url, :token, :server_name, :now);

-- name: show_actions
-- Views of actions, in the order of the given ids.
select a.action_id, a.hook_id, s.key as space, a.url, a.token is not null as is_signed, a.server_name, a.created_at
from unnest(:action_ids::bigint[]) with ordinality as w(action_id, place)
join hook_action a using (action_id) join hook h using (hook_id) left join space s using (space_id)
where a.account_id = :account_id
order by w.place;

-- name: count_listed_actions
select count(*) from hook_action a join hook h using (hook_id)
where a.account_id = :account_id and (:hook_id::bigint is null or a.hook_id = :hook_id)
  and (:in_space::boolean is null or (h.space_id is not null) = :in_space)
  and (:space_id::bigint is null or h.space_id = :space_id);

-- name: list_actions
select a.action_id from hook_action a join hook h using (hook_id)
where a.account_id = :account_id and (:hook_id::bigint is null or a.hook_id = :hook_id)
  and (:in_space::boolean is null or (h.space_id is not null) = :in_space)
  and (:space_id::bigint is null or h.space_id = :space_id)
  and (:below::bigint is null or a.action_id < :below)
order by a.action_id desc limit :take offset :skip;

-- name: update_action
update hook_action set url = :url, token = :token, server_name = :server_name
where action_id = :action_id and account_id = :account_id returning action_id;

-- name: redirect_news
-- What waits for an action goes where it points now, and at once.
update news set url = :url, next_at = :now where action_id = :action_id;

-- name: drop_action
delete from hook_action where action_id = :action_id and account_id = :account_id returning action_id;

-- name: drop_news_of_action
delete from news where action_id = :action_id;
