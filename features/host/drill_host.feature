@drill @postgresql
Feature: The drill host can run a drill and exposes nothing
  A drill that runs on one machine only does not help when another one is at hand in an emergency. The isolation of the
  copy itself is verified with the recovery.

  Background:
    Given the protected database of the target is lost
    And its recovery point has been restored to a scratch instance

  Scenario: The drill host can reach the copy
    Then the drill host resolves its name and can connect to it

  Scenario: The database client and the certificates are installed on the drill host
    Then the client library and the certificate authorities that a connection needs are on the drill host

  Scenario: A copy on the drill host is accessible to the drill alone
    Then a copy on the drill host has private files and accepts connections from that host alone
