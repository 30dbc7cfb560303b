"""How fast a job may offer: a budget of offers in any window of 60 seconds (law L4).

An allowance is granted first and used at once: an offer leaves within SEND_WITHIN_S of its grant or not at all.
Counting grants over WINDOW_S = 60 + SEND_WITHIN_S therefore bounds what leaves in any 60 seconds.
"""

MINUTE_S = 60
SEND_WITHIN_S = 2
WINDOW_S = MINUTE_S + SEND_WITHIN_S

# alibaba 2.2 [seed]: 0 is allowed and its meaning is nowhere stated; here it holds the job: nothing is offered.


def allowance(maximum_per_min: int, granted_in_window: int, wanted: int) -> int:
    """How many offers a job may make now."""
    return max(0, min(wanted, maximum_per_min - granted_in_window))
