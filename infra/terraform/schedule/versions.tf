terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 6"
    }
  }
}

provider "aws" {
  region = var.region

  # The sandbox knows no account but its own, and no metadata service is near it.
  skip_credentials_validation = var.sandbox_endpoint != null
  skip_metadata_api_check     = var.sandbox_endpoint != null
  skip_region_validation      = var.sandbox_endpoint != null
  s3_use_path_style           = var.sandbox_endpoint != null

  dynamic "endpoints" {
    for_each = var.sandbox_endpoint == null ? [] : [var.sandbox_endpoint]
    content {
      cloudwatch       = endpoints.value
      cloudwatchevents = endpoints.value
      ec2              = endpoints.value
      ecs              = endpoints.value
      iam              = endpoints.value
      kms              = endpoints.value
      logs             = endpoints.value
      s3               = endpoints.value
      scheduler        = endpoints.value
      sns              = endpoints.value
      sts              = endpoints.value
    }
  }

  default_tags {
    tags = var.tags
  }
}

data "aws_caller_identity" "this" {}
