"""Telling that an alert has fired: an outbox in the database, e-mail, signed webhooks."""
