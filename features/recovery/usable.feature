@drill @postgresql
Feature: Available is not yet usable
  RDS reports a restored instance as available while its name may not resolve yet, while its server may refuse
  connections, and while its data are still read from slow storage. The owner defines what usable means.

  Background:
    Given the protected database of the target is lost
    And its recovery point has been restored to a scratch instance

  Rule: Usable means that the owner's queries are fast enough

    Scenario: The owner's queries meet their response time targets
      Then each of the owner's queries meets its target

    Scenario: The sample application is usable within a quarter of an hour
      Given the protected database of the target holds the sample application
      Then the copy is usable within "15 minutes"

  Rule: The copy is reachable soon after it exists

    Scenario: The name of the copy resolves soon after it is known
      Then the name of the copy resolves within "10 minutes"

    Scenario: The copy accepts connections soon after its name resolves
      Then the copy accepts connections within "5 minutes" of that
