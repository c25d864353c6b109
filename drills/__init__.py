"""The engine of the drill suite: what restores, verifies, measures, cleans up and records.

It knows nothing of pytest, Gherkin or Allure; see ARCHITECTURE.md for the rooms and the way things flow.
"""

__version__ = "0.1.0"
