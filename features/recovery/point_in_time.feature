@drill @postgresql @moment @newest_point
Feature: A point in time can be restored
  A mistake is undone by going back to just before it. The restored database has to contain everything that had been
  committed by then, and nothing that came later.

  Scenario: A point-in-time restore contains exactly what was committed before
    Given a point in time between two changes, while a third is uncommitted
    When the database is restored to that point in time
    Then it contains what was committed before, and nothing that was committed later or not at all

  Scenario: A point in time that cannot be restored is refused
    Given a point in time before the oldest automated backup ended
    When a restore to that point in time is requested
    Then the request is refused, and no other point in time is restored instead
