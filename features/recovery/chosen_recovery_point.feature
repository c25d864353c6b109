@drill @postgresql @chosen_point
Feature: The oldest backup that is kept, or another that was chosen, can be restored
  Backups are kept for months because somebody may need one of them. A run that is configured to drill another recovery
  point than the newest one verifies these promises in place of those about the newest.

  Background:
    Given the protected database of the target is lost
    And the chosen recovery point has been restored to a scratch instance

  Scenario: The chosen recovery point becomes a usable database
    Then the copy passes every blocking check within the recovery time objective

  Scenario: Every database of the chosen recovery point accepts connections
    Then the "connection" check finds no difference

  Scenario Outline: The <objects> match the backup of the chosen recovery point
    Then the "<check>" check finds no difference

    Examples:
      | objects                           | check     |
      | schema, the owners and the grants | catalog   |
      | rows of every table               | content   |
      | sequences                         | sequences |

  Scenario: The data of the chosen recovery point are as recent as AWS reports
    Then the "data loss" check finds no difference

  Scenario: The age of the chosen recovery point is within the recovery point objective where that applies
    Then the data loss is within the recovery point objective

  Scenario: The copy of the chosen recovery point is isolated from other systems
    Then the scratch instance admits the drill alone and allows no outbound connections

  @cleanup
  Scenario: The drill of the chosen recovery point removes everything that it created
    When the drill removes what it created
    Then each created resource is confirmed to be gone
