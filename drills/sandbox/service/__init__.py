"""ECS and the load balancer: processes of the web application behind a front door."""
