"""Binds every feature below this folder, and those of the run's owner; `drills run` collects it."""

from pytest_bdd import scenarios

from steps import own

scenarios(".", *own.folders())
