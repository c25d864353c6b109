output "database" {
  description = "The instance's name."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Where the database answers."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "The port that the database answers on."
  value       = aws_db_instance.this.port
}

output "resource_id" {
  description = "The instance's DbiResourceId; a restored instance has another one."
  value       = aws_db_instance.this.resource_id
}

output "database_arn" {
  description = "What AWS Backup backs up."
  value       = aws_db_instance.this.arn
}

output "vault" {
  description = "Where the recovery points lie."
  value       = aws_backup_vault.this.name
}

output "plan_id" {
  description = "The backup plan."
  value       = aws_backup_plan.this.id
}

output "backup_role_arn" {
  description = "The role for backup and restore jobs."
  value       = aws_iam_role.backup.arn
}

output "door" {
  description = "The load balancer's name in the DNS."
  value       = aws_lb.this.dns_name
}

output "daily_plan_id" {
  description = "The daily backup plan; null where it is left out."
  value       = one(aws_backup_plan.daily[*].id)
}

output "drill_policy_arn" {
  description = "What a drill may do, to be attached to the role or user that it runs as."
  value       = aws_iam_policy.drill["drill"].arn
}

output "policy_arns" {
  description = "The policies of a drill, of the posture and of an on-demand backup, by name."
  value       = { for name, policy in aws_iam_policy.drill : name => policy.arn }
}
