@drill @postgresql @newest_point
Feature: The database has a recovery point when the disaster strikes

  Scenario: A usable recovery point exists at the time of the disaster
    Given the protected database of the target is lost
    When a recovery point is chosen
    Then a usable recovery point of that very instance exists
