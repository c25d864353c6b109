@drill @postgresql @cuts_over @newest_point
Feature: The service moves to a restored database, and back
  A restored copy saves nobody as long as the service still uses the old database. The way from one to the other is what
  a team goes at three in the morning: stop, rename, restore, compare, verify, start. Here it is gone from end to end.

  Rule: The service moves

    Scenario: The service moves to the restored database and is away once
      Given a service that uses the protected database
      When the service is moved to a database that is restored under the same name
      Then the service was away once and then answers with the restored data

    Scenario: Nobody writes to the restored database before it is opened
      Given a service that uses the protected database
      When the service is moved to a database that is restored under the same name
      Then nobody else could write to the restored database before it was opened to the service

    Scenario: The restored database takes the old one's place with its configuration
      Given a service that uses the protected database
      When the service is moved to a database that is restored under the same name
      Then the restored database is configured as the old one was

    Scenario: Nobody is left behind on the old database
      Given a service that uses the protected database
      When the service is moved to a database that is restored under the same name
      Then nothing is connected to the old database any more

  Rule: There is a way back

    Scenario: The move of the service can be undone
      Given the service has been moved to a database that was restored under the same name
      When the move is undone
      Then the service answers with the old database under its old name, and neither database is gone
