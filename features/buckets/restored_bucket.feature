@drill @s3
Feature: The bucket is recovered from its recovery point
  The owner of the service accepts to wait for the recovery time objective and to lose what was written within the
  recovery point objective. Both are configured in drill.toml.

  Background:
    Given the protected bucket of the target is lost
    And its recovery point has been restored to a scratch bucket

  Rule: The recovery meets the objectives

    Scenario: The objects are there again within the recovery time objective
      Then the copy passes every blocking check within the recovery time objective

    Scenario: The data loss of the bucket is within the recovery point objective
      Then the data loss is within the recovery point objective

  Rule: The restored objects are those that were backed up

    Scenario Outline: The <objects> of the restored bucket match the backup
      Then the "<check>" check finds no difference

      Examples:
        | objects                           | check    |
        | content and metadata of all objects | objects  |
        | settings                          | settings |

  Rule: A drill of a bucket has no side effects

    @cleanup
    Scenario: The drill removes the bucket that it created
      When the drill removes the scratch bucket
      Then the scratch bucket is confirmed to be gone
