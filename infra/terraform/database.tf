locals {
  identifier = "${var.name}dbprod"
  major      = split(".", var.engine_version)[0]
}

resource "aws_db_subnet_group" "this" {
  name        = "${var.name}-subnets"
  description = "The database's subnets"
  subnet_ids  = local.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-postgres${local.major}"
  description = "The database's parameters"
  family      = "postgres${local.major}"

  dynamic "parameter" {
    for_each = var.parameters
    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "The database, its snapshots and the backup vault"
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# RDS would make them by itself, keep their lines for ever, and leave them when the instance is gone.
resource "aws_cloudwatch_log_group" "database" {
  for_each          = toset(["postgresql", "upgrade"])
  name              = "/aws/rds/instance/${local.identifier}/${each.value}"
  retention_in_days = 30
}

resource "aws_db_instance" "this" {
  identifier     = local.identifier
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  db_name        = var.name
  username       = var.master_username

  password_wo         = var.master_password
  password_wo_version = var.master_password_version

  snapshot_identifier = var.snapshot_identifier

  allocated_storage = var.allocated_storage
  storage_type      = "gp3"
  storage_encrypted = true
  kms_key_id        = aws_kms_key.this.arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  multi_az               = var.multi_az

  enabled_cloudwatch_logs_exports = keys(aws_cloudwatch_log_group.database)
  backup_retention_period         = var.automated_backup_days
  copy_tags_to_snapshot           = true
  auto_minor_version_upgrade      = false
  apply_immediately               = true
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.final_snapshot
  final_snapshot_identifier       = var.final_snapshot ? "${local.identifier}-final" : null

  tags = { backup = var.name }
}

resource "aws_secretsmanager_secret" "password" {
  name                    = "${var.name}/database"
  description             = "The password of the database's owner"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "password" {
  secret_id                = aws_secretsmanager_secret.password.id
  secret_string_wo         = var.master_password
  secret_string_wo_version = var.master_password_version
}
