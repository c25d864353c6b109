variable "region" {
  description = "Where the database is, and what drills it."
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
  default     = { application = "recovery-drills" }
}

variable "name" {
  description = "The names of all that is made here begin with it; another one for each target. Not drill-: a sweep looks at those."
  type        = string
  default     = "recovery-drills"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name)) && !startswith(var.name, "drill-")
    error_message = "The name must be 2 to 30 lower-case letters, digits and hyphens, a letter first, and not begin with drill-."
  }
}

# -- what is drilled: as drill.toml in the image says ----------------------------------------------------------------

variable "target" {
  description = "The target in drill.toml."
  type        = string
}

variable "source_instance" {
  description = "The instance that the target names."
  type        = string
}

variable "snapshot_key_arn" {
  description = "The KMS key of the instance's snapshots."
  type        = string
}

variable "scratch_subnet_group" {
  description = "The DB subnet group that the target's restore names."
  type        = string
}

variable "scratch_security_group_id" {
  description = "The security group that the target's restore names; it is opened to the task on database_port."
  type        = string
}

variable "scratch_parameter_group" {
  description = "The DB parameter group of the copies, where drill.toml names one; a drill's own begin with drill-."
  type        = string
  default     = "drills"
}

variable "database_port" {
  description = "The port of the source, which the copies have too."
  type        = number
  default     = 5432
}

# -- where it runs ---------------------------------------------------------------------------------------------------

variable "image" {
  description = "The image of infra/container with your drill.toml in it, by digest."
  type        = string
}

variable "architecture" {
  description = "What the image was built for."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "The architecture must be X86_64 or ARM64."
  }
}

variable "vpc_id" {
  description = "The VPC of the copies."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the task, with a way to the APIs of AWS: a NAT gateway or VPC endpoints."
  type        = list(string)
}

# -- when ------------------------------------------------------------------------------------------------------------

variable "schedule" {
  description = "When a drill begins."
  type        = string
  default     = "cron(17 3 1 * ? *)"
}

variable "watch_schedule" {
  description = "When the age of the last success is asked for: twice a day, at hours at which no drill goes on."
  type        = string
  default     = "cron(41 11,23 * * ? *)"
}

variable "timezone" {
  description = "The time zone of both."
  type        = string
  default     = "Etc/UTC"
}

variable "enabled" {
  description = "Whether the drills begin; the watcher goes on."
  type        = bool
  default     = true
}

variable "max_age_days" {
  description = "How old the last success may be."
  type        = number
  default     = 35
}

# -- the manifest beside the backup: none without manifest_source --------------------------------------------------------

variable "manifest_source" {
  description = "URL of the source or better of its replica, without a password: postgresql://drills_manifest@HOST/DATABASE?sslmode=verify-full&sslrootcert=global-bundle.pem"
  type        = string
  default     = null

  validation {
    condition     = var.manifest_source == null || can(regex("^postgres(ql)?://[^:@/]+@[^@]+$", var.manifest_source))
    error_message = "The URL must name a user and hold no password: postgresql://USER@HOST/DATABASE."
  }
}

variable "manifest_password_arn" {
  description = "The secret of Secrets Manager with the password of that role, as plain text."
  type        = string
  default     = null
}

variable "manifest_bucket" {
  description = "The bucket that is made for manifests, as store of [targets.NAME.manifests] names it."
  type        = string
  default     = null
}

variable "manifest_schedule" {
  description = "When it is taken: shortly before the window of the backup plan, since one that is newer than a backup is not of it."
  type        = string
  default     = "cron(43 2 * * ? *)"
}

variable "manifest_days" {
  description = "How long manifests are kept: as long as the longest of the recovery points."
  type        = number
  default     = 400
}

variable "source_security_group_id" {
  description = "The security group of the source, which the task may then reach on database_port."
  type        = string
  default     = null
}

# -- evidence and alarms ---------------------------------------------------------------------------------------------

variable "evidence_bucket" {
  description = "The bucket that is made for the evidence, as store of drill.toml names it."
  type        = string
}

variable "evidence_lock" {
  description = "Object Lock: governance (who has the right can remove it), compliance (nobody can before its end, and it is paid for)."
  type        = string
  default     = "governance"

  validation {
    condition     = contains(["governance", "compliance"], var.evidence_lock)
    error_message = "The lock must be governance or compliance."
  }
}

variable "evidence_days" {
  description = "How long each object is locked at least; retain of drill.toml may ask for longer."
  type        = number
  default     = 365
}

variable "log_days" {
  description = "How long the output of drills is kept; one of the numbers that CloudWatch Logs takes."
  type        = number
  default     = 365
}

variable "notices_secret_arn" {
  description = "The secret of Secrets Manager with the addresses of notices, where urls of [notices] in drill.toml names one."
  type        = string
  default     = null
}
