@drill @postgresql @cuts_over @newest_point
Feature: The service moves to a restored database, and back
  A restored copy is of no use while the service still connects to the old database. The cut-over is what a team does in
  an emergency: stop the service, rename, restore, compare, verify, start the service. It is carried out here, and undone.

  Background:
    Given the service has been moved to a database that was restored under the same name

  Rule: The service moves

    Scenario: The service moves to the restored database with one interruption
      Then the service was unavailable once and then answers with the restored data

    Scenario: Nobody else can write to the restored database before the service does
      Then nobody else could write to the restored database before it was opened to the service

    Scenario: The restored database has the configuration of the old one
      Then the restored database is configured as the old one was

    Scenario: No session remains on the old database
      Then nothing is connected to the old database any more

  Rule: There is a way back

    Scenario: The cut-over can be rolled back
      When the cut-over is rolled back
      Then the service answers with the old database under its old name, and both databases exist
