"""How writes invalidate what is cached, and how operators clear it."""
