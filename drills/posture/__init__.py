"""Whether the backups that a recovery needs are there: judged from facts that were read. Pure; a module a theme."""
