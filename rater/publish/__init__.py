"""Turn sealed completions into what raters see: booklets, the seal, and the publication that joins them."""
