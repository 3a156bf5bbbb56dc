"""Keep the two databases: sealed (which arm made what) and rating (what raters see and answer)."""
