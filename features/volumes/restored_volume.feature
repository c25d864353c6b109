@drill @ebs
Feature: The volume is recovered from its recovery point
  The owner of the service accepts to wait for the recovery time objective, which is configured in drill.toml. Nothing is
  read of a volume, so that what it holds, and of when, is not verified: a drill of a volume never passes whole.

  Background:
    Given the protected volume of the target is lost
    And its recovery point has been restored to a scratch volume

  Rule: The recovery meets the objective

    Scenario: The volume is there again within the recovery time objective
      Then the copy passes every blocking check within the recovery time objective

  Rule: The restored volume is what was backed up, as far as it can be known without reading it

    Scenario Outline: The <objects> of the restored volume match the backup
      Then the "<check>" check finds no difference

      Examples:
        | objects              | check    |
        | settings             | settings |
        | snapshot and source  | lineage  |

    Scenario Outline: The <objects> of the volume is said to be not verified
      Then the "<verdict>" of the copy is said to be not verified

      Examples:
        | objects   | verdict  |
        | content   | contents |
        | data loss | rpo      |

  Rule: A drill of a volume has no side effects

    @cleanup
    Scenario: The drill removes the volume that it created
      When the drill removes the scratch volume
      Then the scratch volume is confirmed to be gone
