@drill @postgresql
Feature: The backup schedule meets the recovery point objective
  A drill measures one moment, and a backup that happens to be fresh makes any schedule look good. The schedule itself
  determines how much the service can lose in the worst case.

  Scenario: The worst case of the backup schedule is within the recovery point objective
    Given the protected database of the target
    When the worst case of its backup schedule is computed
    Then the worst case is within the recovery point objective
