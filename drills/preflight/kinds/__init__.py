"""What preflight foresees of each kind of target that is no database: a module a kind, and `all_kinds` names them."""
