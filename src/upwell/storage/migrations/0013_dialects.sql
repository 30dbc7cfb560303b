-- A key is of any dialect that the program speaks; which these are is the program's to say when a key is made.

alter table access_key drop constraint access_key_dialect_check;
