"""The kinds of database that RDS has: how its API names them, what it says of them, and the requests that restore them."""
