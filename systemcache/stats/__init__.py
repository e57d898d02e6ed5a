"""Statistics: counted in the process, added up in Redis over all processes."""
