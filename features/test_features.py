"""Binds every feature below this folder; `drills run` collects it."""

from pytest_bdd import scenarios

scenarios(".")
