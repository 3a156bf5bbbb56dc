"""Draw the report's figures: each module sketches one kind, `draw` chooses which a study gets."""
