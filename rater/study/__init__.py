"""The study that an experimenter declares, as pure data: no tensor, no database, no side effect."""
