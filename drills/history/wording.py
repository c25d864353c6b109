"""A trend in sentences, for the terminal and for every report. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from drills.durations import show_duration
from drills.history.trend import CONFIDENCE, RUNS_FOR_P95, percent
from drills.model.history import DrillGap, GroupKey, Series, Trend

# Stamped on every artefact of a run outside of the `aws` profile (docs/reports.md).
SIMULATED = "SIMULATED: says nothing about recovery on AWS"


def day(instant: datetime) -> str:
    """Return the day of an instant in UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%d}"


def group(key: GroupKey) -> str:
    """Return one line that says which runs are compared with each other."""
    source = key.instance_id + (f" ({key.dbi_resource_id})" if key.dbi_resource_id else "")
    parts = [
        f"target {key.target}" if key.target else "",
        f"profile {key.profile}",
        f"account {key.account}" if key.account else "",
        f"region {key.region}" if key.region else "",
        f"scenario {key.scenario}" if key.scenario else "",
        f"source {source}" if source else "",
        f"data {key.seed}" if key.seed else "",
        f"restored to {key.instance_class}" if key.instance_class else "",
        f"from {key.point_kind} points" if key.point_kind else "",
        f"{key.sample} recovery point" if key.sample != "newest" else "",
        f"tier {key.tier}" if key.tier != "full" else "",
        "clock from the disruption" if key.rto_clock == "disruption" else "",
    ]
    return ", ".join(filter(None, parts))


def runs(count: int) -> str:
    """Return "1 run", "12 runs"."""
    return f"{count} run{'' if count == 1 else 's'}"


def show_bytes(size: int) -> str:
    """Return a size with a binary unit: "46.0 MiB"."""
    amount, unit = float(size), "B"
    for bigger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, bigger
    return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"


def series(found: Series) -> str:
    """Return the numbers of one actual, with its margin to the objective."""
    promised = "RTO" if found.name == "RTA" else "RPO"
    if found.median is None or found.maximum is None:
        return f"{found.name}: not measured in any run that counts"
    median, longest = show_duration(found.median), show_duration(found.maximum)
    name = f"{found.name} by {found.method}" if found.method else found.name
    sentence = f"{name} in 1 run: {longest}" if found.n == 1 else ""
    sentence = sentence or f"{name} over {runs(found.n)}: median {median}, longest {longest}"
    if found.objective is None or found.margin is None:
        return f"{sentence}; no {promised} is set"
    share = f"{show_duration(abs(found.margin))} {'within' if found.margin >= 0 else 'beyond'}"
    return f"{sentence}, {share} the {promised} of {show_duration(found.objective)}"


def percentile(found: Series) -> str:
    """Return the 95th percentile, or why there is none."""
    if found.p95 is None:
        return f"no 95th percentile from {runs(found.n)}: it takes {RUNS_FOR_P95}"
    return f"95 % of runs take at most {show_duration(found.p95)} ({percent(CONFIDENCE)} confidence)"


def pass_rate(trend: Trend) -> str:
    """Return a sentence with the runs that passed and the rate that this proves; runs without a verdict stand apart."""
    apart = f"{runs(trend.could_not_run)} could not run or could not verify" if trend.could_not_run else ""
    if trend.pass_rate_at_least is None:
        return "; ".join(filter(None, ("no run could be judged yet", apart)))
    sentence = (
        f"{trend.passed} of {runs(trend.judged)} passed, which proves a pass rate of at least "
        f"{trend.pass_rate_at_least * 100:.1f} % ({percent(CONFIDENCE)} confidence)"
    )
    return "; ".join(filter(None, (sentence, apart)))


def forecasts(trend: Trend) -> str:
    """Return how many forecasts of preflight came true, "" where none was scored."""
    if not trend.forecasts_scored:
        return ""
    rate = percent(trend.forecasts_hit / trend.forecasts_scored)
    forecast = "forecast" if trend.forecasts_scored == 1 else "forecasts"
    return f"{trend.forecasts_hit} of {trend.forecasts_scored} {forecast} of the day before came true ({rate})"


def gap(found: DrillGap, every_seconds: float | None) -> str:
    """Return a stretch without a drill."""
    length = show_duration((found.to_at - found.from_at).total_seconds())
    declared = f"one every {show_duration(every_seconds)} is declared" if every_seconds else "declared more often"
    missed = f"{found.missed} drill{'' if found.missed == 1 else 's'} missed"
    return f"{missed}: none from {day(found.from_at)} to {day(found.to_at)}, for {length}, where {declared}"


def warnings(trend: Trend) -> list[str]:
    """Return the warnings about objectives that are nearly missed, and about missed drills."""
    near = [warning for each in trend.series for warning in each.warnings]
    if not trend.gaps:
        return near
    missed = gap(trend.gaps[-1], trend.drill_every_seconds)
    if len(trend.gaps) > 1:
        missed += f"; {sum(each.missed for each in trend.gaps)} missed in all, in {len(trend.gaps)} such stretches"
    return [*near, missed]


def not_counted(trend: Trend) -> str:
    """Return why the run that the trend was made for is not in it, "" where it is."""
    return f"this run counts nowhere ({trend.not_counted})" if trend.not_counted else ""


def sentences(trend: Trend) -> list[str]:
    """Return the numbers of a group, a sentence each, with how many runs stand behind them."""
    numbers = [series(each) + (f"; {percentile(each)}" if each.n else "") for each in trend.series]
    return [*numbers, pass_rate(trend), *filter(None, (forecasts(trend), not_counted(trend)))]


def one_line(trend: Trend) -> str:
    """Return the trend in one line."""
    if not trend.points:
        return "; ".join(filter(None, ("no run to compare with yet", not_counted(trend))))
    measured = [series(each) for each in trend.series if each.n]
    return "; ".join(filter(None, (*measured, pass_rate(trend), forecasts(trend), not_counted(trend))))
