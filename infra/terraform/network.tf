data "aws_vpc" "this" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "this" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }
}

locals {
  subnet_ids = coalesce(var.subnet_ids, data.aws_subnets.this.ids)
}

resource "aws_security_group" "door" {
  name        = "${var.name}-door"
  description = "The load balancer"
  vpc_id      = data.aws_vpc.this.id

  ingress {
    description = "clients"
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = var.client_cidrs
  }

  egress {
    description = "the services"
    protocol    = "tcp"
    from_port   = var.container_port
    to_port     = var.container_port
    cidr_blocks = [data.aws_vpc.this.cidr_block]
  }
}

resource "aws_security_group" "service" {
  name        = "${var.name}-service"
  description = "The services"
  vpc_id      = data.aws_vpc.this.id

  ingress {
    description     = "the load balancer"
    protocol        = "tcp"
    from_port       = var.container_port
    to_port         = var.container_port
    security_groups = [aws_security_group.door.id]
  }

  egress {
    description = "the database, the image, the logs"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "The database"
  vpc_id      = data.aws_vpc.this.id

  ingress {
    description     = "the services"
    protocol        = "tcp"
    from_port       = 5432
    to_port         = 5432
    security_groups = [aws_security_group.service.id]
  }
}
