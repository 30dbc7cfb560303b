"""What each page reads of `/v1`, a file a noun. Every reading asks a bounded number of bounded questions."""
