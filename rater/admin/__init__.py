"""Look after a study's two databases without joining an answer to an arm: verify, back up, export, watch."""
