# Production's manifest beside its backup, where manifest_source names it: a bucket that forgets it after a time, a key that signs
# it, and what the task needs to reach the source. The task and its schedule stand with the others.

locals {
  manifests = var.manifest_source != null
}

resource "aws_s3_bucket" "manifests" {
  count  = local.manifests ? 1 : 0
  bucket = var.manifest_bucket

  lifecycle {
    precondition {
      condition     = var.manifest_bucket != null && var.manifest_password_arn != null && var.source_security_group_id != null
      error_message = "With manifest_source set manifest_bucket, manifest_password_arn and source_security_group_id too."
    }
  }
}

# As long as the longest of the recovery points: a backup without its manifest is not verified.
resource "aws_s3_bucket_lifecycle_configuration" "manifests" {
  count  = local.manifests ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].id

  rule {
    id     = "forget"
    status = "Enabled"
    filter {}
    expiration {
      days = var.manifest_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "manifests" {
  count  = local.manifests ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "manifests" {
  count                   = local.manifests ? 1 : 0
  bucket                  = aws_s3_bucket.manifests[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Another key than the evidence's: what drills must not be able to sign what it is compared with.
resource "aws_kms_key" "manifests" {
  count                    = local.manifests ? 1 : 0
  description              = "${var.name}: signs manifests"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
}

data "aws_iam_policy_document" "password" {
  count = local.manifests ? 1 : 0
  statement {
    sid       = "GivesTheTaskItsPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.manifest_password_arn]
  }
}

resource "aws_iam_role_policy" "password" {
  count  = local.manifests ? 1 : 0
  name   = "password"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.password[0].json
}

# The source's own group has to let the task in, which its owner does.
resource "aws_vpc_security_group_egress_rule" "source" {
  count                        = local.manifests ? 1 : 0
  security_group_id            = aws_security_group.task.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
  referenced_security_group_id = var.source_security_group_id
}
