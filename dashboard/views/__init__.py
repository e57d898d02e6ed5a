"""The pages' views: a module a page, and one for what is done on them."""
