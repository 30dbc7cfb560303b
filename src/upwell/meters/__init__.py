"""What a process counts of itself: plain numbers, and how they are told. It knows nothing of the rest of the house."""
