@drill @postgresql @damages_backup @newest_point
Feature: A damaged backup does not pass
  A verifier that has never failed proves nothing. A copy of the stored backup is damaged on purpose, in a way
  that lets it restore and start, and the promise holds only if the verification names each thing that was damaged.

  Scenario: What is missing from a backup is named
    Given a copy of the newest recovery point from which these have been taken away
      | damage         |
      | one row        |
      | one default    |
      | one grant      |
      | a sequence's position |
      | one large object |
    When the damaged copy is restored to a scratch instance
    Then the verification fails and names each thing that was taken away
