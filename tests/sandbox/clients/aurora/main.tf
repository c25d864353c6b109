terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.90, < 6" }
  }
}

variable "endpoint" {
  type = string
}

variable "engine_version" {
  type = string
}

variable "password" {
  type      = string
  sensitive = true
}

variable "restored" {
  type    = number
  default = 0
}

provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    ec2 = var.endpoint
    iam = var.endpoint
    kms = var.endpoint
    rds = var.endpoint
    sts = var.endpoint
  }
}

resource "aws_rds_cluster_parameter_group" "orders" {
  name   = "orders"
  family = "aurora-postgresql${split(".", var.engine_version)[0]}"

  parameter {
    name         = "work_mem"
    value        = "8192"
    apply_method = "immediate"
  }
}

resource "aws_rds_cluster" "orders" {
  cluster_identifier              = "orders"
  engine                          = "aurora-postgresql"
  engine_mode                     = "provisioned"
  engine_version                  = var.engine_version
  database_name                   = "app"
  master_username                 = "owner"
  master_password                 = var.password
  backup_retention_period         = 3
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.orders.name
  skip_final_snapshot             = true
  apply_immediately               = true
  tags                            = { team = "orders" }

  serverlessv2_scaling_configuration {
    min_capacity = 0.5
    max_capacity = 4
  }
}

resource "aws_rds_cluster_instance" "orders" {
  identifier         = "orders-writer"
  cluster_identifier = aws_rds_cluster.orders.id
  engine             = aws_rds_cluster.orders.engine
  engine_version     = aws_rds_cluster.orders.engine_version
  instance_class     = "db.serverless"
}

resource "aws_db_cluster_snapshot" "orders" {
  count                          = var.restored
  db_cluster_identifier          = aws_rds_cluster.orders.id
  db_cluster_snapshot_identifier = "orders-snapshot"
  depends_on                     = [aws_rds_cluster_instance.orders]
}

resource "aws_rds_cluster" "copy" {
  count               = var.restored
  cluster_identifier  = "copy"
  engine              = "aurora-postgresql"
  engine_version      = aws_rds_cluster.orders.engine_version
  snapshot_identifier = aws_db_cluster_snapshot.orders[0].db_cluster_snapshot_arn
  skip_final_snapshot = true
  apply_immediately   = true
}

resource "aws_rds_cluster_instance" "copy" {
  count              = var.restored
  identifier         = "copy-writer"
  cluster_identifier = aws_rds_cluster.copy[0].id
  engine             = aws_rds_cluster.copy[0].engine
  instance_class     = "db.r6g.large"
}
