@drill @postgresql
Feature: What is always true of the data is true of the restored copy
  Fingerprints prove that the data are those of the backup. What is always true of them, their owner states as
  invariants, in the folder that the target names. An invariant that the target does not have is skipped here.

  Background:
    Given the protected database of the target is lost
    And its recovery point has been restored to a scratch instance

  Rule: The copy is usable only if its owner's invariants hold

    Scenario: Every invariant of the data's owner holds
      Then the "invariants" check finds no difference

  Rule: The invariants of the sample application

    Scenario Outline: In the restored sample data, <invariant>
      Then it is true of the copy that "<invariant>"

      Examples:
        | invariant                                                |
        | every order has at least one line                        |
        | the total of every order is the sum of its lines         |
        | every change of status belongs to an order that is there |
        | every manual has its text                                |
