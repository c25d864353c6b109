@drill @postgresql @newest_point
Feature: The database comes back from its newest recovery point
  The owner of the service accepts to wait for the recovery time objective and to lose
  what was written within the recovery point objective. Both stand in drill.toml.

  Rule: There is something to restore

    Scenario: A usable recovery point exists at the time of the disaster
      Given the protected database of the target
      When its loss is declared a disaster
      Then a usable recovery point of that very instance exists

  Rule: The recovery meets the objectives

    Scenario: The database is usable again within the recovery time objective
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the copy passes every blocking check within the recovery time objective

    Scenario: No more data is lost than the recovery point objective allows
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the data lost is within the recovery point objective

    Scenario: The recovery point holds what the backup service says that it holds
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "data loss" check finds no difference

  Rule: What comes back is what was backed up

    Scenario: Every database of the instance can be reached
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "connection" check finds no difference

    Scenario: The schema, the owners and the grants are the ones that were backed up
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "catalog" check finds no difference

    Scenario: Every row of every table is the one that was backed up
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "content" check finds no difference

    Scenario: Every large object is the one that was backed up
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "large objects" check finds no difference

    Scenario: Every sequence goes on where it stood
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "sequences" check finds no difference

    Scenario: The canary's chain is whole up to the recovery point
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "canary" check finds no difference

  Rule: A drill harms nobody

    Scenario: The scratch instance can neither be reached by others nor reach out
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the scratch instance admits the drill alone and lets nothing out
      And the "harmless" check finds no difference

    @cleanup
    Scenario: Nothing that the drill made is left
      Given the protected database of the target is lost
      And its newest recovery point has been restored to a scratch instance
      When the drill removes what it made
      Then each thing that was made is seen to be gone
