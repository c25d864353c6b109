# What a drill, `drills posture` and `drills backup` call, and no more: everything is read, the source is backed up, and
# only what is called drill-… is made, changed and removed. The cut-over needs more, and is for staging accounts.

data "aws_caller_identity" "this" {}

locals {
  rds = "arn:aws:rds:${var.region}:${data.aws_caller_identity.this.account_id}"
}

data "aws_iam_policy_document" "drill" {
  statement {
    sid = "Reads"
    actions = [
      "backup:DescribeBackupJob",
      "backup:DescribeBackupVault",
      "backup:DescribeRecoveryPoint",
      "backup:GetBackupPlan",
      "backup:GetBackupSelection",
      "backup:GetBackupVaultAccessPolicy",
      "backup:GetRecoveryPointRestoreMetadata",
      "backup:ListBackupJobs",
      "backup:ListBackupPlans",
      "backup:ListBackupSelections",
      "backup:ListCopyJobs",
      "backup:ListRecoveryPointsByBackupVault",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcs",
      "iam:GetAccountAuthorizationDetails",
      "iam:GetRole",
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "logs:DescribeLogGroups",
      "rds:DescribeAccountAttributes",
      "rds:DescribeDBInstances",
      "rds:DescribeDBParameterGroups",
      "rds:DescribeDBParameters",
      "rds:DescribeDBProxies",
      "rds:DescribeDBProxyTargets",
      "rds:DescribeDBSnapshots",
      "rds:DescribeDBSubnetGroups",
      "rds:ListTagsForResource",
      "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }

  statement {
    sid = "BacksTheSourceUp"
    actions = [
      "backup:StartBackupJob",
      "backup:TagResource",
    ]
    resources = [aws_backup_vault.this.arn, aws_db_instance.this.arn, "${local.rds}:snapshot:awsbackup:*"]
  }

  statement {
    sid       = "LetsAwsBackupTakeOnItsRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.backup.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["backup.amazonaws.com"]
    }
  }

  statement {
    sid     = "RestoresFromSnapshots"
    actions = ["rds:RestoreDBInstanceFromDBSnapshot", "rds:CopyDBSnapshot"]
    resources = [
      "${local.rds}:snapshot:*",
      "${local.rds}:db:drill-*",
      "${local.rds}:pg:*",
      "${local.rds}:og:*",
      "${local.rds}:subgrp:*",
    ]
  }

  statement {
    sid = "ChangesAndRemovesItsOwnAlone"
    actions = [
      "rds:AddTagsToResource",
      "rds:CreateDBParameterGroup",
      "rds:DeleteDBInstance",
      "rds:DeleteDBParameterGroup",
      "rds:DeleteDBSnapshot",
      "rds:ModifyDBInstance",
      "rds:ModifyDBParameterGroup",
    ]
    resources = ["${local.rds}:db:drill-*", "${local.rds}:pg:drill-*", "${local.rds}:snapshot:drill-*"]
  }

  statement {
    sid       = "RemovesItsLogs"
    actions   = ["logs:DeleteLogGroup"]
    resources = ["arn:aws:logs:${var.region}:${data.aws_caller_identity.this.account_id}:log-group:/aws/rds/instance/drill-*"]
  }

  # RDS reads the snapshot under its key on the caller's behalf
  statement {
    sid       = "UsesTheKeyThroughRds"
    actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"]
    resources = [aws_kms_key.this.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["rds.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "drill" {
  name        = "${var.name}-drill"
  description = "What a drill of the database may do"
  policy      = data.aws_iam_policy_document.drill.json
}
