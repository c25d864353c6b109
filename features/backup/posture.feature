@drill @postgresql @posture
Feature: The backups that a recovery needs are there
  A recovery point is worth what stands around it: a job that succeeds every time, a key that can be used on the day,
  a vault that nobody empties, and the groups that a restore goes into. All of it is judged by reading alone.

  Rule: Backups are made

    Scenario: The last backup has succeeded
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "jobs" of its backups are as they should be

    Scenario: The newest backup is younger than the loss that is accepted
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "freshness" of its backups is as it should be

    Scenario: The plan cannot lose more than is accepted
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "schedule" of its backups is as it should be

    Scenario: A plan backs the database up
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "protection" of its backups is as it should be

    Scenario: The backup service may take on its role
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "role" of its backups is as it should be

    @newest_point
    Scenario: Moments between two backups can be restored
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "automated backups" of its backups are as they should be

  Rule: They can be used on the day

    Scenario: The key of the newest backup can be used by who restores it
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "key" of its backups is as it should be

    Scenario: The vaults can be read and nobody empties them
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "vaults" of its backups are as they should be

    Scenario: What a restore goes into is there
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "restore needs" of its backups are as they should be

    Scenario: The configuration is kept for the day on which the instance is gone
      Given the protected database of the target
      When the posture of its backups is judged
      Then the "stored configuration" of its backups is as it should be
