# What a drill, `drills posture` with `drills preflight`, and `drills backup` may do: the policies of infra/iam, filled in.
# The cut-over needs more (infra/iam/cutover.json), and its role is one of its own.

data "aws_caller_identity" "this" {}

locals {
  policies = {
    for name in ["backup", "drill", "posture"] : name => templatefile("${path.module}/../iam/${name}.json", {
      account         = data.aws_caller_identity.this.account_id
      region          = var.region
      source          = aws_db_instance.this.identifier
      parameter_group = var.scratch_parameter_group
      subnet_group    = var.scratch_subnet_group
      vault           = aws_backup_vault.this.name
      key_arn         = aws_kms_key.this.arn
      backup_role_arn = aws_iam_role.backup.arn
    })
  }
}

resource "aws_iam_policy" "drill" {
  for_each    = local.policies
  name        = "${var.name}-${each.key}"
  description = "What ${each.key == "drill" ? "a drill of the database" : "drills ${each.key}"} may do"
  policy      = each.value
}
