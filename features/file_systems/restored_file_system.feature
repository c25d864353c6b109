@drill @efs
Feature: The file system is recovered from its recovery point
  The owner of the service accepts to wait for the recovery time objective, which is configured in drill.toml. Nothing mounts the
  restored file system, so that what it holds, and of when, is not verified: a drill of a file system never passes whole.

  Background:
    Given the protected file system of the target is lost
    And its recovery point has been restored to a scratch file system

  Rule: The recovery meets the objective

    Scenario: The file system is there again within the recovery time objective
      Then the copy passes every blocking check within the recovery time objective

  Rule: The restored file system is what was backed up, as far as it can be known without mounting it

    Scenario: The settings of the restored file system match the backup
      Then the "settings" check finds no difference

    Scenario Outline: The <objects> of the file system is said to be not verified
      Then the "<verdict>" of the copy is said to be not verified

      Examples:
        | objects   | verdict  |
        | content   | contents |
        | data loss | rpo      |

  Rule: A drill of a file system has no side effects

    @cleanup
    Scenario: The drill removes the file system that it created
      When the drill removes the scratch file system
      Then the scratch file system is confirmed to be gone
