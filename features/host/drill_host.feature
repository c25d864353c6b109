@drill @postgresql
Feature: The drill's host can do what a drill needs, and opens nothing to others
  A drill that passes on one machine and cannot run on the one that is there in an emergency is worth little. What the
  service says of the scratch instance itself, whom it admits and that nothing leaves it, is promised with the recovery.

  Scenario: The drill's host reaches the scratch instance
    Given the protected database of the target is lost
    When its newest recovery point is restored to a scratch instance
    Then the drill's host finds and reaches it

  Scenario: What a drill connects with is on its host
    Given the protected database of the target is lost
    When its newest recovery point is restored to a scratch instance
    Then the client and the certificates that it was reached with are on the drill's host

  Scenario: A copy on the drill's own host is closed to others
    Given the protected database of the target is lost
    When its newest recovery point is restored to a scratch instance
    Then a copy on the drill's own host keeps its files to itself and listens to that host alone
