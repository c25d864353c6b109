output "signing_key_arn" {
  description = "key of [profiles.live.evidence] in drill.toml."
  value       = aws_kms_key.signing.arn
}

output "store" {
  description = "store of [profiles.live.evidence] in drill.toml."
  value       = "s3://${aws_s3_bucket.evidence.bucket}/drills"
}

output "manifest_key_arn" {
  description = "The key that signs manifests, whose public key is public_key of [targets.NAME.manifests] in drill.toml."
  value       = one(aws_kms_key.manifests[*].arn)
}

output "manifest_store" {
  description = "store of [targets.NAME.manifests] in drill.toml."
  value       = local.manifests ? "s3://${aws_s3_bucket.manifests[0].bucket}/drills" : null
}

output "topic_arn" {
  description = "Whoever is to hear of it subscribes to this topic."
  value       = aws_sns_topic.this.arn
}

output "alarm_arn" {
  description = "The alarm on the age of the last success, for a criterion of AWS Resilience Hub."
  value       = aws_cloudwatch_metric_alarm.age.arn
}

output "cluster" {
  description = "Where the tasks run."
  value       = aws_ecs_cluster.this.name
}

output "task_definition_arns" {
  description = "The tasks by name: drill and watch."
  value       = { for name, each in aws_ecs_task_definition.this : name => each.arn }
}

output "task_security_group_id" {
  description = "The tasks' security group."
  value       = aws_security_group.task.id
}
