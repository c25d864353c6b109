@drill @dynamodb
Feature: The table is recovered from its recovery point
  The owner of the service accepts to wait for the recovery time objective and to lose what was written within the
  recovery point objective. Both are configured in drill.toml.

  Background:
    Given the protected table of the target is lost
    And its recovery point has been restored to a scratch table

  Rule: The recovery meets the objectives

    Scenario: The table is usable again within the recovery time objective
      Then the copy passes every blocking check within the recovery time objective

    Scenario: The data loss of the table is within the recovery point objective
      Then the data loss is within the recovery point objective

  Rule: The restored table is what was backed up

    Scenario Outline: The <objects> of the restored table match the backup
      Then the "<check>" check finds no difference

      Examples:
        | objects                | check    |
        | attributes of all items | items    |
        | settings               | settings |

  Rule: A drill of a table has no side effects

    @cleanup
    Scenario: The drill removes the table that it created
      When the drill removes the scratch table
      Then the scratch table is confirmed to be gone
