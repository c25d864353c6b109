"""The service that uses the staged source, for the scenarios of features/cutover/: one task behind a load balancer.

It is made when the first of these scenarios needs it, and not for runs that have none of them. The stage keeps the
password of the source for it where a customer's service has it: in a secret.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from drills.aws.session import Clients
from drills.checks.canary import chain
from drills.clock import Clock, SystemClock, wait_until
from drills.config.cutover import CutoverConfig
from drills.cutover import public_address
from drills.errors import SandboxError
from drills.model.instance import Instance

IMAGE = (
    "000000000000.dkr.ecr.eu-central-1.amazonaws.com/service:1"  # never pulled: the sandbox runs its own application
)
PORT = 8080
SERVED_WITHIN = 60.0  # seconds
# the source's newest beat is younger than the backup's: the one that the service shows tells whose data it serves
SERVICE_QUERY = f"select max(seq) as newest_beat from {chain.SCHEMA}.beat"
MARKER = f"""select '"newest_beat": ' || max(seq) || ',' from {chain.SCHEMA}.beat"""


def secret_of(instance_id: str) -> str:
    """Return the name of the secret that holds the source's password."""
    return f"{instance_id}/database"


def keep_password(clients: Clients, instance_id: str, password: SecretStr) -> None:
    """Keep the source's password in a secret of the sandbox."""
    clients.secretsmanager.create_secret(Name=secret_of(instance_id), SecretString=password.get_secret_value())


def deploy(clients: Clients, source: Instance, database: str) -> str:
    """Make the service, and wait until it is served; return the address that its users know."""
    vpc, subnets = network(clients)
    name = source.id
    group, url = _front_door(clients, name, vpc, subnets)
    ecs = clients.client("ecs")
    ecs.create_cluster(clusterName=name)
    ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=_define(clients, ecs, source, database),
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": PORT}],
    )
    clients.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{name}/{name}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    wait_served(url, SERVED_WITHIN, SystemClock())
    return url


def wait_served(url: str, seconds: float, clock: Clock) -> None:
    """Wait until a GET is answered with 200. SandboxError, with the last answer, after `seconds`."""
    last: list[tuple[int, str]] = []

    def served() -> bool:
        last[:] = [public_address.get(url)]
        return last[0][0] == 200

    try:
        wait_until(served, seconds, clock, every=0.1, what=f"{url} to be served")
    except TimeoutError as error:
        status, body = last[0]
        found = f"{status}: {' '.join(body.split())[:300]}" if status else f"no answer: {body}"
        raise SandboxError(
            f"expected the service to answer 200 at {url} within {seconds:g} s, found {found}; correct what it says"
        ) from error


def cutover_config(instance_id: str, database: str, url: str, journal: str) -> CutoverConfig:
    """Return a target's table `cutover` for this service."""
    return CutoverConfig.model_validate(
        {
            "services": (f"{instance_id}/{instance_id}",),
            "public_url": url,
            "marker": MARKER,
            "database": database,
            "journal": journal,
        }
    )


def network(clients: Clients) -> tuple[str, list[str]]:
    """Return the sandbox's network and its subnets, for all that is staged."""
    ec2 = clients.ec2
    vpc = str(ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    return vpc, [str(each["SubnetId"]) for each in ec2.describe_subnets()["Subnets"] if each["VpcId"] == vpc]


def _front_door(clients: Clients, name: str, vpc: str, subnets: list[str]) -> tuple[str, str]:
    """Return a load balancer's target group, and the balancer's address."""
    elb = clients.client("elbv2")
    short = name[:32]  # characters that a load balancer's name may have
    balancer = elb.create_load_balancer(Name=short, Subnets=subnets)["LoadBalancers"][0]
    group: str = elb.create_target_group(
        Name=short, Protocol="HTTP", Port=PORT, VpcId=vpc, TargetType="ip", HealthCheckPath="/health"
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return group, f"http://{balancer['DNSName']}"


def _define(clients: Clients, ecs: Any, source: Instance, database: str) -> str:
    secret = clients.secretsmanager.describe_secret(SecretId=secret_of(source.id))["ARN"]
    variables = {
        "PGHOST": source.host,
        "PGPORT": str(source.port),
        "PGDATABASE": database,
        "PGUSER": source.master_username,
        "WEBAPP_QUERY": SERVICE_QUERY,
    }
    container = {
        "name": "web",
        "image": IMAGE,
        "essential": True,
        "portMappings": [{"containerPort": PORT}],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "secrets": [{"name": "PGPASSWORD", "valueFrom": secret}],
    }
    answer = ecs.register_task_definition(
        family=source.id,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])
