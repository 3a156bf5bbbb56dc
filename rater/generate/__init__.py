"""Generate a study's completions: freeze the study, list the missing ones, generate and seal them."""
