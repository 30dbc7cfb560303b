-- Users who sign in at a provider of OpenID Connect: which, and what it calls them for ever.
alter table iam_user
    add issuer  text,
    add subject text,
    add constraint iam_user_outside_check check ((issuer is null) = (subject is null)),
    add constraint iam_user_account_id_issuer_subject_key unique (account_id, issuer, subject);
