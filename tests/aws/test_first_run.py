"""The first hour on AWS (docs/first-run-on-aws.md), which nobody has walked: its commands are AWS's, its values are filled in."""

from __future__ import annotations

import re
import shlex
from string import Template

import botocore.session
from botocore import xform_name

from tests.documents import pages
from tests.support.paths import CHECKOUT

PAGE = CHECKOUT / "docs/first-run-on-aws.md"
# of all commands of the AWS CLI, or of any list
GLOBAL = {"query", "output", "profile", "filters", "max-results"}
INGRESS = "authorize-security-group-ingress"
SHORTHAND = {"protocol", "port", "cidr"}  # of INGRESS, made by the AWS CLI


def calls() -> list[tuple[str, str, list[str]]]:
    """Service, operation and options of each call of the AWS CLI in the page's blocks and in its text."""
    blocks = [command.text for command in pages.commands(PAGE)]
    spans = re.findall(r"`(aws [^`]+)`", PAGE.read_text(encoding="utf-8"))
    texts = [*blocks, *(" ".join(span.split()) for span in spans)]
    found = []
    for text in texts:
        for call in re.findall(r"\baws ([a-z0-9]+ [a-z-]+(?:[^\n]|\\\n)*)", text.replace("\\\n", " ")):
            service, operation, *rest = re.split(r"\s+", call)
            found.append((service, operation, [each[2:] for each in rest if re.fullmatch(r"--[a-z-]+", each)]))
    return found


def test_each_command_is_one_that_aws_has() -> None:
    """Service, operation and options are in botocore's model."""
    session = botocore.session.get_session()
    for service, operation, options in calls():
        if service == "configure":
            continue
        model = session.get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names, (service, operation)
        shape = model.operation_model(names[operation]).input_shape
        members = {xform_name(name, "-") for name in shape.members} if shape else set()
        assert set(options) <= members | GLOBAL | (SHORTHAND if operation == INGRESS else set()), operation


def test_each_policy_of_the_page_is_filled_in_by_it() -> None:
    """`envsubst` leaves nothing open: each name in a policy that the page fills in is exported before."""
    text = PAGE.read_text(encoding="utf-8")
    exported = {
        word.partition("=")[0]
        for line in re.findall(r"^\$ export (.+)$", text, re.MULTILINE)
        for word in shlex.split(line)
    }

    for name in ("posture", "drill", "sweep"):
        policy = (CHECKOUT / f"infra/iam/{name}.json").read_text(encoding="utf-8")
        assert set(Template(policy).get_identifiers()) <= exported


def test_the_page_calls_aws() -> None:
    """The tests above look at something."""
    assert len(calls()) > 15
