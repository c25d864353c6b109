terraform {
  # 1.11 knows values that are written and never kept: the database's password is in no state file
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
      backup         = endpoints.value
      ec2            = endpoints.value
      ecs            = endpoints.value
      elbv2          = endpoints.value
      iam            = endpoints.value
      kms            = endpoints.value
      logs           = endpoints.value
      rds            = endpoints.value
      secretsmanager = endpoints.value
      sts            = endpoints.value
    }
  }

  default_tags {
    tags = var.tags
  }
}
