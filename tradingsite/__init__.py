"""The top floor: settings, addresses, error handler, the commands that start the site."""
