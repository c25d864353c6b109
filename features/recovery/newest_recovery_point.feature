@drill @postgresql @newest_point
Feature: The database is recovered from its newest recovery point
  The owner of the service accepts to wait for the recovery time objective and to lose what was written within the
  recovery point objective. Both are configured in drill.toml.

  Background:
    Given the protected database of the target is lost
    And its newest recovery point has been restored to a scratch instance

  Rule: The recovery meets the objectives

    Scenario: The database is usable again within the recovery time objective
      Then the copy passes every blocking check within the recovery time objective

    Scenario: The data loss is within the recovery point objective
      Then the data loss is within the recovery point objective

    Scenario: The restored data are as recent as AWS reports
      Then the "data loss" check finds no difference

  Rule: The restored copy is what was backed up

    Scenario: Every database of the copy accepts connections
      Then the "connection" check finds no difference

    Scenario Outline: The <objects> match the backup
      Then the "<check>" check finds no difference

      Examples:
        | objects                           | check         |
        | schema, the owners and the grants | catalog       |
        | rows of every table               | content       |
        | large objects                     | large objects |
        | sequences                         | sequences     |

    Scenario: The canary chain is complete up to the recovery point
      Then the "canary" check finds no difference

  Rule: A drill has no side effects

    Scenario: The copy is isolated from other systems
      Then the scratch instance admits the drill alone and allows no outbound connections
      And the "harmless" check finds no difference

    @cleanup
    Scenario: The drill removes everything that it created
      When the drill removes what it created
      Then each created resource is confirmed to be gone
