"""The top layer: settings, URLs, error handler, and the command that starts the site."""
