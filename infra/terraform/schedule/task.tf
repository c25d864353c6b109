# What runs: one image, a task for the drill, one for the watcher and one for manifests, each with a role of its own.

locals {
  values = {
    account         = data.aws_caller_identity.this.account_id
    region          = var.region
    source          = var.source_instance
    subnet_group    = var.scratch_subnet_group
    parameter_group = var.scratch_parameter_group
    key_arn         = var.snapshot_key_arn
    signing_key_arn = aws_kms_key.signing.arn
    evidence_bucket = aws_s3_bucket.evidence.bucket
    # of manifest.tf; a policy that names them is made where they are
    manifest_key_arn = one(aws_kms_key.manifests[*].arn)
    manifest_bucket  = one(aws_s3_bucket.manifests[*].bucket)
    # of notices: the topic of alarm.tf, and a secret where there is one
    topic_arn          = aws_sns_topic.this.arn
    notices_secret_arn = var.notices_secret_arn == null ? "" : var.notices_secret_arn
  }
  # Each task, its command and the policies of infra/iam that its role has.
  every_task = {
    drill = {
      command  = ["run", "--profile", "live", "--target", var.target, "--trigger", "schedule"]
      policies = concat(["drill", "evidence", "sweep", "notices", "metrics"], local.manifests ? ["manifest-reader"] : [])
      cpu      = 1024
      memory   = 4096
    }
    watch = {
      command  = ["ledger", "check", "--fetch", "--json", "--max-age", "${var.max_age_days}d", "--profile", "live", "--target", var.target]
      policies = ["watch", "notices", "metrics"]
      cpu      = 512
      memory   = 1024
    }
    manifest = {
      command  = ["manifest", var.manifest_source, "--all-databases", "--profile", "live", "--target", var.target, "--key", one(aws_kms_key.manifests[*].arn)]
      policies = ["manifest"]
      cpu      = 512
      memory   = 2048
    }
  }
  tasks = { for name, each in local.every_task : name => each if name != "manifest" || local.manifests }
  policies = { for pair in flatten([
    for task, each in local.tasks : [for name in each.policies : { task = task, name = name }]
  ]) : "${pair.task}-${pair.name}" => pair }
  documents = { for name in toset([for pair in local.policies : pair.name]) :
    name => jsondecode(templatefile("${path.module}/../../iam/${name}.json", local.values))
  }
}

resource "aws_iam_policy" "task" {
  for_each    = local.policies
  name        = "${var.name}-${each.key}"
  description = "infra/iam/${each.value.name}.json of the drill suite"
  # without the statement about a secret that there is not
  policy = jsonencode(merge(local.documents[each.value.name], {
    Statement = [for one in local.documents[each.value.name].Statement :
      one if var.notices_secret_arn != null || one.Sid != "ReadsTheAddresses"
    ]
  }))
}

# Who may take a role of this stack: a service, for this account alone.
data "aws_iam_policy_document" "trust" {
  for_each = toset(["ecs-tasks", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_iam_role" "task" {
  for_each           = local.tasks
  name               = "${var.name}-${each.key}"
  description        = "What the task ${each.key} may do"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each   = local.policies
  role       = aws_iam_role.task[each.value.task].name
  policy_arn = aws_iam_policy.task[each.key].arn
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "Starts the tasks: pulls the image, writes the logs"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.tasks
  name              = "/recovery-drills/${var.name}/${each.key}"
  retention_in_days = var.log_days
}

resource "aws_ecs_cluster" "this" {
  name = var.name
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.tasks
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name        = each.key
    image       = var.image
    essential   = true
    command     = each.value.command
    secrets     = each.key == "manifest" ? [{ name = "PGPASSWORD", valueFrom = var.manifest_password_arn }] : []
    stopTimeout = 120 # the longest that Fargate has; a clean-up may take longer, and drills sweep removes what it leaves
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.target
        # what the watcher prints is one event, of which the metric is taken
        awslogs-multiline-pattern = each.key == "watch" ? "^\\{" : "^\\S"
      }
    }
  }])
}

resource "aws_security_group" "task" {
  name        = "${var.name}-task"
  description = "Recovery drills"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "apis" {
  security_group_id = aws_security_group.task.id
  description       = "the APIs of AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "copies" {
  security_group_id            = aws_security_group.task.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
  referenced_security_group_id = var.scratch_security_group_id
}

# The copies are reached from the task alone; nothing goes out from them, which a drill looks at.
resource "aws_vpc_security_group_ingress_rule" "copies" {
  security_group_id            = var.scratch_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
  referenced_security_group_id = aws_security_group.task.id
}
