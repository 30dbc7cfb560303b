"""The commands that act over the API, by `upwell.client` alone: nothing of the server is loaded here."""
