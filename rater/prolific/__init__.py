"""The interface of the recruitment site Prolific: create a study, read submissions, review and pay them."""
