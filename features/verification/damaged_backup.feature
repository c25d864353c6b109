@drill @postgresql @damages_backup @newest_point
Feature: A damaged backup does not pass
  A verifier that has never failed proves nothing. A copy of the stored backup is damaged on purpose, in a way that lets
  it restore and start. The scenario passes only if the verification names each damaged object.

  Scenario: Verification detects everything that is missing from a damaged backup
    Given a copy of the newest recovery point without
      | damage                |
      | one row               |
      | one default           |
      | one grant             |
      | a sequence's position |
      | one large object      |
    When the damaged copy is restored to a scratch instance
    Then the verification fails and names each missing object
