"""What posture reads and judges of each kind of source beside its backups: a module a kind, and `all_kinds` names them."""
