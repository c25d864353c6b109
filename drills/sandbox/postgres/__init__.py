"""The servers: found, made, started, ended, archived, and the ports that lead to them."""
