"""A local page to try activation additions on a model: `rater try`. It opens no database and shows arms."""
