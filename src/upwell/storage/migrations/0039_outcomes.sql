-- What came of first offers, where a wave counts it otherwise than the states of its tasks say (domain/outcomes.py).
drop index offer_silent;
create index offer_apart on job_offer (job_id)
    where verdict in ('silent', 'rejected', 'postponed', 'already_there');
