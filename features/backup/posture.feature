@drill @postgresql @posture
Feature: The backups that a recovery needs are in place
  A recovery point alone is not enough: backup jobs have to complete, the vault has to exist, its key has
  to be usable, and the groups that a restore uses have to exist. All of it is evaluated by read-only calls.

  Background:
    Given the protected database of the target

  Rule: Backups are made

    Scenario: The last backup job completed
      When the posture of its backups is evaluated
      Then the last backup job completed

    Scenario: The newest backup is recent enough
      When the posture of its backups is evaluated
      Then its newest backup is younger than the recovery point objective

    Scenario: The backup plan runs often enough
      When the posture of its backups is evaluated
      Then its backup plan loses no more than the recovery point objective in the worst case

    Scenario: A backup plan covers the database
      When the posture of its backups is evaluated
      Then a backup plan selects it

    Scenario: AWS Backup can assume the backup role
      When the posture of its backups is evaluated
      Then the backup service can assume the role that makes its backups

    @newest_point
    Scenario: Point-in-time recovery is available
      When the posture of its backups is evaluated
      Then its automated backups are enabled and up to date

  Rule: Backups can be restored

    Scenario: The key of the newest backup is usable
      When the posture of its backups is evaluated
      Then the key of its newest backup is enabled and usable by the account that restores

    Scenario: The backup vaults exist and their keys are usable
      When the posture of its backups is evaluated
      Then its backup vaults exist and their keys are enabled

    Scenario: The resources that a restore needs exist
      When the posture of its backups is evaluated
      Then the groups and the quotas that a restore needs are available

    Scenario: The configuration of the database is stored outside of it
      When the posture of its backups is evaluated
      Then a recent copy of its configuration is stored
