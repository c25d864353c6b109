@drill @postgresql @chosen_point
Feature: The oldest backup that is kept, or another that was chosen, still restores
  Backups are kept for months because somebody may need one of them. A run that is told to drill another recovery
  point than the newest one holds these promises in place of those about the newest.

  Scenario: The chosen recovery point becomes a usable database
    Given the protected database of the target is lost
    When the chosen recovery point is restored to a scratch instance
    Then the copy passes every blocking check within the recovery time objective

  Scenario: What comes back from the chosen recovery point is what was backed up
    Given the protected database of the target is lost
    When the chosen recovery point is restored to a scratch instance
    Then the "connection" check finds no difference
    And the "catalog" check finds no difference
    And the "content" check finds no difference
    And the "sequences" check finds no difference

  Scenario: The chosen recovery point holds what the backup service says that it holds
    Given the protected database of the target is lost
    When the chosen recovery point is restored to a scratch instance
    Then the "data loss" check finds no difference

  Scenario: The age of the chosen recovery point is within the recovery point objective where it counts
    Given the protected database of the target is lost
    When the chosen recovery point is restored to a scratch instance
    Then the data lost is within the recovery point objective

  Scenario: The copy of the chosen recovery point is shut off
    Given the protected database of the target is lost
    When the chosen recovery point is restored to a scratch instance
    Then the scratch instance admits the drill alone and lets nothing out

  @cleanup
  Scenario: Nothing that the drill of the chosen recovery point made is left
    Given the protected database of the target is lost
    And the chosen recovery point has been restored to a scratch instance
    When the drill removes what it made
    Then each thing that was made is seen to be gone
