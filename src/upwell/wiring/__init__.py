"""Everything joined: settings to parts, parts to one running server."""
