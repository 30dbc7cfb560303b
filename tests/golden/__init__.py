"""Golden answers: what the management APIs answered, recorded once, and asked again by every test run.

`book` keeps the records and masks what differs from run to run; `<dialect>_stage` starts a server and sends a step to
it; `<dialect>_scenes` says the steps, and is read by `python -m tests.golden.record` alone. A replay needs the record
and the stage, and nothing of the server's code.
"""
