# When it runs: EventBridge Scheduler starts a task. A task that could not be started is not tried again, and the alarm rings.

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "StartsTheTasks"
    actions   = ["ecs:RunTask"]
    resources = [for each in aws_ecs_task_definition.this : each.arn]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    sid       = "GivesThemTheirRoles"
    actions   = ["iam:PassRole"]
    resources = concat([aws_iam_role.execution.arn], [for each in aws_iam_role.task : each.arn])
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  description        = "Starts the tasks on their schedules"
  assume_role_policy = data.aws_iam_policy_document.trust["scheduler"].json
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.name
  policy = data.aws_iam_policy_document.scheduler.json
}

locals {
  every_schedule = {
    drill    = { does = "Drills", expression = var.schedule, enabled = var.enabled }
    watch    = { does = "Asks for the last success of", expression = var.watch_schedule, enabled = true }
    manifest = { does = "Takes the manifest of", expression = var.manifest_schedule, enabled = true }
  }
  schedules = { for name, each in local.every_schedule : name => each if contains(keys(local.tasks), name) }
}

resource "aws_scheduler_schedule" "this" {
  for_each                     = local.schedules
  name                         = "${var.name}-${each.key}"
  description                  = "${each.value.does} ${var.target}"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = var.timezone
  state                        = each.value.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this[each.key].arn
      launch_type         = "FARGATE"
      task_count          = 1

      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = [aws_security_group.task.id]
        assign_public_ip = false
      }
    }

    # A start whose answer was lost would be tried again, and drill twice.
    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}
