@drill @postgresql
Feature: Available is not yet usable
  A restored instance is called available while its name may not resolve yet, while its server may refuse, and
  while its data still comes from storage that is slow at the first read. The owner says what usable means.

  Rule: Usable means that the owner's queries are fast enough

    Scenario: The owner's queries meet their targets on the copy
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then each of the owner's queries meets its target

    Scenario: The sample application can be used again within a quarter of an hour
      Given the protected database of the target holds the sample application
      And the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the copy is usable within "15 minutes"

  Rule: The way to the copy is short

    Scenario: The name of the copy resolves soon after it is known
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the name of the copy resolves within "10 minutes"

    Scenario: The copy answers soon after its name resolves
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the copy answers within "5 minutes" of that
