"""The EventBridge of moto, with refused sources, disabled rules, delivery to targets and TestEventPattern as on AWS.

A target is a queue of SQS, a topic of SNS or a log group of CloudWatch Logs. It gets the whole event, its constant `Input`,
or the part that `InputPath` names. The sandbox stores and describes targets of other services, and delivers nothing there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import moto.events.models
import moto.events.urls
from moto.core.exceptions import JsonRESTError
from moto.events.models import EventPattern, EventsBackend, Rule, events_backends
from moto.events.responses import EventsHandler

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable

_REFUSED = {"ErrorCode": "NotAuthorizedForSource", "ErrorMessage": "Not authorized for the source."}


class SandboxRule(Rule):
    """A rule that delivers while it is enabled."""

    def send_to_targets(self, original_event: Any, transform_input: bool = True) -> None:
        """Deliver an event that the pattern matches; a failed delivery does not prevent the others."""
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        event["time"] = _time(event.get("time"))
        if self.state == "DISABLED" or not self.event_pattern.matches_event(event):  # type: ignore[arg-type]
            return
        for target in self.targets:
            if ":archive/" in target["Arn"] or ":event-bus/" in target["Arn"]:
                continue
            try:
                self._deliver(target, _message(target, event))
            except Exception:  # moto's backends raise many kinds of errors for a missing target
                logging.exception("%s could not deliver to %s", self.name, target["Arn"])

    def _deliver(self, target: Mapping[str, Any], message: Any) -> None:
        service, region, account, resource = target["Arn"].split(":", 5)[2:]
        text = message if isinstance(message, str) else json.dumps(message)
        if service == "sqs":
            from moto.sqs.models import sqs_backends

            group = target.get("SqsParameters", {}).get("MessageGroupId")
            sqs_backends[account][region].send_message(queue_name=resource, message_body=text, group_id=group)
        elif service == "sns":
            from moto.sns.models import sns_backends

            sns_backends[account][region].publish(text, arn=target["Arn"])
        elif service == "logs":
            self._send_to_cw_log_group(resource.removeprefix("log-group:").removesuffix(":*"), message)


def _message(target: Mapping[str, Any], event: dict[str, Any]) -> Any:
    if "Input" in target:
        return json.loads(target["Input"])
    found: Any = event
    for name in str(target.get("InputPath") or "$").split(".")[1:]:
        found = found[name]
    return dict(found) if isinstance(found, dict) else found


def _time(value: Any) -> str:
    """Return the time of an event in the form of AWS; moto stores seconds."""
    if isinstance(value, str):
        return value
    return datetime.fromtimestamp(float(value or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class SandboxEvents(EventsBackend):
    """The EventBridge of one region."""

    @property
    def _url_module(self) -> Any:
        return _URLS

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """PutEvents: a source that begins with `aws.` is refused (EventBridge API reference, PutEventsRequestEntry)."""
        if len(events) > 10:
            return list(super().put_events(events))
        answers: list[dict[str, Any]] = []
        for event in events:
            reserved = str(event.get("Source", "")).startswith("aws.")
            answers += [dict(_REFUSED)] if reserved else super().put_events([event])
        return answers

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        """PutTargets, without input transformers."""
        if any("InputTransformer" in each for each in targets):
            raise NotImplementedError("InputTransformer is absent from this sandbox; use Input or InputPath.")
        super().put_targets(name, event_bus_arn, targets)


class SandboxEventsResponse(EventsHandler):
    """Answers requests as moto does, and the requests that moto accepts without an effect."""

    def test_event_pattern(self) -> Any:
        """TestEventPattern: whether the pattern matches the event."""
        pattern = EventPattern.load(self._get_param("EventPattern"))
        try:
            event = json.loads(self._get_param("Event"))
        except ValueError as error:
            raise JsonRESTError("InvalidEventPatternException", f"Event is not valid JSON: {error}.") from error
        return json.dumps({"Result": pattern.matches_event(event)})


_URLS = UrlTable(moto.events.urls.url_bases, {"{0}/": SandboxEventsResponse.dispatch})


def install() -> None:
    """Make this the EventBridge of moto; before its first request."""
    moto.events.models.Rule = SandboxRule  # type: ignore[misc]
    install_backend(events_backends, SandboxEvents)
