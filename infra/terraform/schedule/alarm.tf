# How somebody hears of it: a task that failed, and a success that is too old, missing or that nobody asked for.

resource "aws_sns_topic" "this" {
  name = var.name
}

data "aws_iam_policy_document" "topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

# The watcher prints the age as JSON, and null where the evidence does not verify or has no success: no value then.
resource "aws_cloudwatch_log_metric_filter" "age" {
  name           = "${var.name}-last-success-age"
  log_group_name = aws_cloudwatch_log_group.this["watch"].name
  pattern        = "{ $.last_success_age_seconds >= 0 }"

  metric_transformation {
    namespace = "RecoveryDrills"
    name      = "${var.name}-last-success-age"
    value     = "$.last_success_age_seconds"
    unit      = "Seconds"
  }
}

# Missing is as bad as old: nobody knows then whether drills go on.
resource "aws_cloudwatch_metric_alarm" "age" {
  alarm_name          = "${var.name}-last-success-age"
  alarm_description   = "The last recovery drill of ${var.target} that held every promise is older than ${var.max_age_days} days, or it is not known"
  namespace           = aws_cloudwatch_log_metric_filter.age.metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.age.metric_transformation[0].name
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.max_age_days * 86400
  period              = 86400
  evaluation_periods  = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

# At once, and not when the age says so: a task that ended with another code than 0, or that could not start.
locals {
  failures = {
    failed      = { containers = { exitCode = [{ anything-but = [0] }] } }
    not-started = { stopCode = ["TaskFailedToStart"] }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each    = local.failures
  name        = "${var.name}-${each.key}"
  description = "A task of the recovery drills of ${var.target}: ${each.key}"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = merge(each.value, {
      clusterArn = [aws_ecs_cluster.this.arn]
      lastStatus = ["STOPPED"]
    })
  })
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.failures
  rule     = aws_cloudwatch_event_rule.this[each.key].name
  arn      = aws_sns_topic.this.arn
}
