"""How many requests a second an account may make of an Action whose page names no number (alibaba 2.0, 3.1, 3.2, 3.4);
the others stand in their rows. Keys share the quota of their account."""

UNNAMED = 50
