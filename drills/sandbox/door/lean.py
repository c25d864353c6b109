"""Loads moto without the parts that make it slow and large; its answers stay the same.

When it is imported, the EC2 of moto 5.2 reads the offerings of all instance types in all regions, and botocore's list of
endpoints three times over: most of a server's start and nearly half of its memory. Here each region's offerings are
read at the first request for them, and the endpoints once; of these only the names stay in memory.

While it runs, moto keeps each object of its models for ever, for a page about them that the sandbox does not serve
(moto/core/common_models.py, `instances_tracked`): 600 allocations a drill. Here what is deleted is forgotten.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, cast

_OFFERINGS = "instance_type_offerings"
_PREFIXES = {"ec2": "ec2"}  # spares reading the model of EC2, which has 4 MB and is seldom needed
_MOTO_SWITCHES = {
    # moto reads this when it is imported: no page of another origin may call the sandbox from a browser
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    # and this at the first request to IAM: AWS's own policies can be attached to a role
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
}


class Regions:
    """The two methods of a boto3 session that moto calls: the partitions, and the regions of a service in them."""

    def __init__(self) -> None:
        from botocore.loaders import create_loader
        from botocore.regions import EndpointResolver

        partitions = create_loader().load_data("endpoints")["partitions"]
        self._resolver = EndpointResolver(
            {
                "partitions": [
                    {
                        "partition": partition["partition"],
                        "regions": dict.fromkeys(partition["regions"]),
                        "services": {
                            name: {"endpoints": dict.fromkeys(service["endpoints"])}
                            for name, service in partition["services"].items()
                        },
                    }
                    for partition in partitions
                ]
            }
        )

    def get_available_partitions(self) -> list[str]:
        """Return the names of the partitions, as `boto3.Session` does."""
        return list(self._resolver.get_available_partitions())

    def get_available_regions(
        self, service_name: str, partition_name: str = "aws", allow_non_regional: bool = False
    ) -> list[str]:
        """Return the regions of a service, as `boto3.Session` does; none for an unknown service."""
        from botocore.exceptions import UnknownServiceError
        from moto.core.utils import get_service_model

        try:
            prefix = _PREFIXES.get(service_name) or get_service_model(service_name).endpoint_prefix
        except UnknownServiceError:
            return []
        return list(self._resolver.get_available_endpoints(prefix, partition_name, allow_non_regional))


class Offerings(Mapping[str, list[dict[str, Any]]]):
    """The instance types that each region offers, for one location type; a region is read at its first use."""

    def __init__(self, location_type: str, files: Mapping[str, str]) -> None:
        self._location_type = location_type
        self._files = files  # by region, as moto names them
        self._read: dict[str, list[dict[str, Any]]] = {}

    def __getitem__(self, region: str) -> list[dict[str, Any]]:
        """Return the offerings of a region."""
        if region not in self._read:
            from moto.utilities.utils import load_resource

            self._read[region] = [
                {**offering, "LocationType": self._location_type} for offering in load_resource(self._files[region])
            ]
        return self._read[region]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the regions."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self._files)


def load_moto() -> None:
    """Set moto's switches and import its core and EC2; once EC2 is imported, import nothing."""
    os.environ.update(_MOTO_SWITCHES)
    _forget_what_is_deleted()
    if "moto.ec2.models" in sys.modules:
        return
    regions = Regions()  # first, so that what follows takes the memory that reading it has left
    import boto3
    from moto.core import base_backend
    from moto.utilities import utils

    boto, core, reader = (cast(Any, module) for module in (boto3, base_backend, utils))
    read, session = reader.load_resource, boto.Session
    skipped: list[str] = []

    def read_but_offerings(resource: str) -> Any:
        if _OFFERINGS in resource:
            skipped.append(resource)
            return []
        return read(resource)

    core.AccountSpecificBackend.get_session = classmethod(lambda _cls: regions)
    reader.load_resource, boto.Session = read_but_offerings, lambda: regions
    try:
        from moto.ec2.models import amis, availability_zones_and_regions, instance_types
    finally:
        reader.load_resource, boto.Session = read, session
    for module in (amis, availability_zones_and_regions, instance_types):
        vars(module).update(
            (name, own) for name, own in (("Session", session), ("load_resource", read)) if name in vars(module)
        )
    files: dict[str, dict[str, str]] = {}
    for resource in skipped:
        path = PurePosixPath(resource)
        files.setdefault(path.parent.name, {})[path.name.split(".")[0]] = resource
    for location_type, of_type in files.items():
        instance_types.INSTANCE_TYPE_OFFERINGS[location_type] = Offerings(location_type, of_type)


def _forget_what_is_deleted() -> None:
    from moto.core.common_models import BaseModel

    def construct(cls: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
        return super(BaseModel, cls).__new__(cls)

    cast(Any, BaseModel).__new__ = construct
