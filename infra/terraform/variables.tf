variable "region" {
  description = "Where the stack lives."
  type        = string
  default     = "eu-central-1"
}

variable "sandbox_endpoint" {
  description = "URL of a running sandbox; null means AWS itself."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = { application = "myapp" }
}

variable "name" {
  description = "Name of the application; the names of all that belongs to it begin with it."
  type        = string
  default     = "myapp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.name))
    error_message = "The name must be 2 to 20 lower-case letters and digits, a letter first."
  }
}

# -- where it runs ---------------------------------------------------------------------------------------------------

variable "vpc_id" {
  description = "The VPC; null means the region's default VPC."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets in at least two availability zones; null means all subnets of the VPC."
  type        = list(string)
  default     = null
}

variable "client_cidrs" {
  description = "Who may reach the load balancer."
  type        = list(string)
  default     = ["10.0.0.0/8"]
}

# -- the database ----------------------------------------------------------------------------------------------------

variable "snapshot_identifier" {
  description = <<-EOT
    A snapshot (name or ARN) to restore the database from. Setting it, or changing it, destroys the instance and makes it
    anew with the snapshot's rows. Null makes an empty database at first; set back to null later, it changes nothing.
  EOT
  type        = string
  default     = null
}

variable "engine_version" {
  description = "PostgreSQL's version, at least its major one, such as \"16\"."
  type        = string
  default     = "16"

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)?$", var.engine_version))
    error_message = "The version must be a number such as 16 or 16.14."
  }
}

variable "instance_class" {
  description = "Size of the database's machine."
  type        = string
  default     = "db.t4g.medium"
}

variable "allocated_storage" {
  description = "Gigabytes of storage."
  type        = number
  default     = 20
}

variable "multi_az" {
  description = "Whether a standby waits in another availability zone."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the database and the load balancer refuse to be deleted, for a restore as well."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Whether a last snapshot is taken before the database is destroyed."
  type        = bool
  default     = false
}

variable "master_username" {
  description = "The database's owner."
  type        = string
  default     = "owner"
}

variable "master_password" {
  description = "The owner's password; TF_VAR_master_password keeps it out of files and argument lists."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "master_password_version" {
  description = "To be raised when the password was changed: Terraform keeps none to compare with."
  type        = number
  default     = 1
}

variable "secret_recovery_days" {
  description = "How long a deleted secret can be had back; 0 deletes it at once."
  type        = number
  default     = 7
}

variable "parameters" {
  description = "Values of the parameter group that take effect at once, such as { work_mem = \"8192\" }."
  type        = map(string)
  default     = { log_min_duration_statement = "1000" }
}

# -- backups ---------------------------------------------------------------------------------------------------------

variable "backup_schedule" {
  description = "When AWS Backup starts, UTC. Monthly means: up to 31 days of data can be lost."
  type        = string
  default     = "cron(0 3 1 * ? *)"
}

variable "backup_retention_days" {
  description = "How long a recovery point is kept."
  type        = number
  default     = 180
}

variable "daily_backup_schedule" {
  description = "When the daily plan starts, UTC."
  type        = string
  default     = "cron(0 5 * * ? *)"
}

variable "daily_backup_days" {
  description = "How long a daily recovery point is kept, and how far back continuous backup reaches; 0 leaves the daily plan out."
  type        = number
  default     = 35

  validation {
    condition     = var.daily_backup_days >= 0 && var.daily_backup_days <= 35
    error_message = "Continuous backup of RDS is kept for 1 to 35 days."
  }
}

variable "vault_lock" {
  description = "The vault's lock: governance (who has the right can remove it), compliance (nobody can), or none."
  type        = string
  default     = "governance"

  validation {
    condition     = contains(["governance", "compliance", "none"], var.vault_lock)
    error_message = "The lock must be governance, compliance or none."
  }
}

variable "vault_lock_min_days" {
  description = "The shortest retention that the lock lets in; jobs with a shorter one fail."
  type        = number
  default     = 7
}

variable "compliance_lock_cannot_be_undone" {
  description = <<-EOT
    "I know" lets vault_lock = "compliance" take effect. THIS CANNOT BE UNDONE: three days later neither you nor AWS can
    remove the lock, shorten a retention or delete a recovery point before its end, and all of it is paid for.
  EOT
  type        = string
  default     = ""
}

variable "automated_backup_days" {
  description = "How long RDS keeps its own daily backups; 0 means that it makes none."
  type        = number
  default     = 7
}

# -- the service -----------------------------------------------------------------------------------------------------

variable "services" {
  description = "The services by name: how many tasks of each, and whether the load balancer leads to it (exactly one)."
  type        = map(object({ tasks = number, public = bool }))
  default = {
    web    = { tasks = 2, public = true }
    worker = { tasks = 1, public = false }
  }

  validation {
    condition     = length([for service in var.services : service if service.public]) == 1
    error_message = "Exactly one service must be public."
  }
}

variable "image" {
  description = "The services' container image."
  type        = string
  default     = "public.ecr.aws/docker/library/nginx:1.27"
}

variable "container_port" {
  description = "The port that the container listens on."
  type        = number
  default     = 8080
}

# -- drills ----------------------------------------------------------------------------------------------------------

variable "scratch_subnet_group" {
  description = "The DB subnet group that drills restore into, as drill.toml names it."
  type        = string
  default     = "drills"
}

variable "scratch_parameter_group" {
  description = "The DB parameter group of the copies, where drill.toml names one; a drill's own begin with drill-."
  type        = string
  default     = "drills"
}
