"""The demonstration: one firmware rollout to a simulated fleet, from nothing."""
