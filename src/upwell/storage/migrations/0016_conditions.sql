-- What fills a dynamic group is its condition.
alter table device_group rename column rule to condition;
alter table device_group rename column rule_text to condition_text;
