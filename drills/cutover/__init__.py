"""The recovery quickstart as a journalled plan: stop, rename, restore, compare, verify, start. It can be undone."""
