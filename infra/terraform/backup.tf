data "aws_iam_policy_document" "backup" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "backup" {
  name               = "${var.name}-backup"
  description        = "AWS Backup's role, for backups and restores"
  assume_role_policy = data.aws_iam_policy_document.backup.json
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each   = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])
  role       = aws_iam_role.backup.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/${each.value}"
}

# No force_destroy: a vault that holds recovery points is not to be destroyed with the stack.
resource "aws_backup_vault" "this" {
  name        = "${var.name}-vault"
  kms_key_arn = aws_kms_key.this.arn
}

# Governance: who has the right can take the lock away. Compliance: after three days nobody can, AWS included.
resource "aws_backup_vault_lock_configuration" "this" {
  count               = var.vault_lock == "none" ? 0 : 1
  backup_vault_name   = aws_backup_vault.this.name
  min_retention_days  = var.vault_lock_min_days
  changeable_for_days = local.compliance ? 3 : null

  lifecycle {
    precondition {
      condition     = var.vault_lock != "compliance" || local.compliance
      error_message = "A compliance lock cannot be undone: set compliance_lock_cannot_be_undone = \"I know\" too."
    }
  }
}

locals {
  compliance = var.vault_lock == "compliance" && var.compliance_lock_cannot_be_undone == "I know"
}

data "aws_iam_policy_document" "vault" {
  statement {
    sid       = "NobodyDeletes"
    effect    = "Deny"
    actions   = ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"]
    resources = ["*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

resource "aws_backup_vault_policy" "this" {
  backup_vault_name = aws_backup_vault.this.name
  policy            = data.aws_iam_policy_document.vault.json
}

# Alone it loses up to a month and more: `drills posture` fails it for an RPO of 24 hours. Kept for the half year.
resource "aws_backup_plan" "this" {
  name = "${var.name}-monthly"

  rule {
    rule_name         = "monthly"
    target_vault_name = aws_backup_vault.this.name
    schedule          = var.backup_schedule
    start_window      = 60
    completion_window = 480

    lifecycle {
      delete_after = var.backup_retention_days
    }
  }
}

# By ARN, which has the instance's name in it: under another name the instance is not backed up by this plan.
resource "aws_backup_selection" "this" {
  name         = "${var.name}-database"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [aws_db_instance.this.arn]
}

# Continuous backup restores any moment of its retention, of at most 35 days; that meets an RPO of 24 hours. The
# sandbox has snapshots only.
resource "aws_backup_plan" "daily" {
  count = var.daily_backup_days > 0 ? 1 : 0
  name  = "${var.name}-daily"

  rule {
    rule_name                = "daily"
    target_vault_name        = aws_backup_vault.this.name
    schedule                 = var.daily_backup_schedule
    start_window             = 60
    completion_window        = 480
    enable_continuous_backup = var.sandbox_endpoint == null

    lifecycle {
      delete_after = var.daily_backup_days
    }
  }
}

# By tag, which a renamed instance keeps and a restored one is given.
resource "aws_backup_selection" "daily" {
  count        = length(aws_backup_plan.daily)
  name         = "${var.name}-tagged"
  plan_id      = aws_backup_plan.daily[0].id
  iam_role_arn = aws_iam_role.backup.arn

  selection_tag {
    type  = "STRINGEQUALS"
    key   = "backup"
    value = var.name
  }
}
