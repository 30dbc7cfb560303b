"""Black-box acceptance: the vendors' own SDKs against a real `upwell serve`."""
