@drill @postgresql
Feature: The backup schedule keeps what was promised
  A drill measures one moment, and a backup that happens to be fresh makes any schedule look good.
  The schedule itself says how much the service can lose in the worst one.

  Rule: No moment is left out

    Scenario: The schedule cannot lose more than the recovery point objective
      Given the protected database of the target
      When what its backup schedule can lose at worst is worked out
      Then the worst case is within the recovery point objective
