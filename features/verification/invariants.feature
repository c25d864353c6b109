@drill @postgresql
Feature: What is always true of the data is true of the restored copy
  Fingerprints say that the data is what it was at the backup. What it means, its owner knows: the rules that always
  hold, which stand in the folder that the target names. A rule that the target does not have is skipped here.

  Rule: The copy is usable only if it keeps its owner's rules

    Scenario: Every rule of the data's owner holds
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then the "invariants" check finds no difference

  Rule: The rules of the sample's order book

    Scenario: No order comes back without what was ordered
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then it is true of the copy that "every order has at least one line"

    Scenario: What customers owe adds up
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then it is true of the copy that "the total of every order is the sum of its lines"

    Scenario: No order's history is left without its order
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then it is true of the copy that "every change of status belongs to an order that is there"

    Scenario: No manual comes back as a title alone
      Given the protected database of the target is lost
      When its newest recovery point is restored to a scratch instance
      Then it is true of the copy that "every manual has its text"
