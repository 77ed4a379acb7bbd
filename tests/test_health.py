"""Whether bookings are looked after: what is wrong is said, and nothing that is not."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import RequestFactory
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Schedule as QueueSchedule
from django_q.scheduler import scheduler
from freezegun import freeze_time
from wagtail.models import Page, Site

from tests import factories
from tests.factories import NOW
from wagtail_agenda import booking, health, outbox, tasks
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.models import Delivery, Entry, MailSettings, Timer

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _now():
    with freeze_time(NOW):
        run_worker(at=NOW)
        yield


def run_worker(at):
    """Stand in for a cluster that started the sweep last at that moment."""
    QueueSchedule.objects.filter(name=tasks.SWEEP).update(next_run=at + MINUTE)


def codes(now=NOW):
    return [problem.code for problem in health.problems(now)]


def message(code, now):
    return next(one for one in health.problems(now) if one.code == code).message


@pytest.fixture
def made():
    return factories.make_booking()


# The worker


def test_a_site_that_runs_has_nothing_to_say(made, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        assert health.problems(NOW) == []


def test_a_worker_that_is_restarted_is_not_missed():
    assert codes(NOW + 5 * MINUTE) == []


def test_a_worker_that_stays_away_is_missed_with_since_when():
    later = NOW + MINUTE + 12 * MINUTE

    assert codes(later) == ["worker_unseen"]
    assert "(12\xa0minutes)" in message("worker_unseen", later)
    assert "2026-11-30 07:01" in message("worker_unseen", later)


def test_the_mails_that_wait_for_a_missing_worker_are_counted_with_it(made):
    later = NOW + 2 * HOUR

    assert codes(later) == ["worker_unseen"]
    assert "1 mail waits for it." in message("worker_unseen", later)


def test_a_sweep_that_nobody_scheduled_is_a_problem_of_its_own():
    QueueSchedule.objects.all().delete()

    assert codes() == ["schedule_missing"]


def test_a_site_without_the_queue_is_told_so(monkeypatch):
    def get_model(name, *args):
        if name == "django_q":
            raise LookupError
        return found(name, *args)

    found = health.apps.get_model
    monkeypatch.setattr(health.apps, "get_model", get_model)

    assert codes() == ["schedule_missing"]


@pytest.mark.parametrize("catch_up", [True, False])
def test_the_real_scheduler_is_seen_at_work_even_after_a_week_of_rest(monkeypatch, catch_up):
    monkeypatch.setattr(Conf, "CATCH_UP", catch_up)
    monkeypatch.setattr(Conf, "SYNC", True)
    later = NOW + timedelta(days=7)
    with freeze_time(later):
        assert codes(later) == ["worker_unseen"]
        scheduler(get_broker())
        # Nothing was due, so the worker ends at once; it has been there.
        tasks.sweep_outbox()
        assert codes(later) == []
    assert codes(later + 5 * MINUTE) == []
    assert codes(later + 7 * MINUTE) == ["worker_unseen"]


def test_a_sweep_leaves_a_time_to_come_alone():
    next_run = NOW + 30 * timedelta(seconds=1)
    QueueSchedule.objects.filter(name=tasks.SWEEP).update(next_run=next_run)

    tasks.sweep_outbox()

    assert QueueSchedule.objects.get(name=tasks.SWEEP).next_run == next_run


# The mails


def test_mails_that_stay_although_the_worker_runs_are_told(made):
    later = NOW + 16 * MINUTE
    run_worker(at=later)

    assert codes(later) == ["mails_overdue"]
    assert message("mails_overdue", later).startswith("1 mail has not left")
    assert codes(NOW + 15 * MINUTE) != ["mails_overdue"]


def test_calls_that_stay_are_told_with_the_mails(made):
    outbox.enqueue_calls([outbox.WebCall(made, "https://forms.example/")], now=NOW)
    later = NOW + 16 * MINUTE
    assert "2 mails and calls wait for it." in message("worker_unseen", later)
    run_worker(at=later)

    assert message("mails_overdue", later).startswith("2 mails and calls have not left")


def test_a_worker_that_died_while_sending_is_told_after_its_lease(made):
    later = NOW + 4 * HOUR
    run_worker(at=later)
    Delivery.objects.update(state=DeliveryState.SENDING, leased_until=later - 14 * MINUTE)
    assert codes(later) == []

    Delivery.objects.update(leased_until=later - 16 * MINUTE)
    assert codes(later) == ["mails_overdue"]


@pytest.mark.parametrize(
    "state", [DeliveryState.DONE, DeliveryState.SUPERSEDED, DeliveryState.FAILED]
)
def test_what_is_done_with_does_not_wait(made, state):
    later = NOW + HOUR
    run_worker(at=later)
    Delivery.objects.update(state=state)

    assert codes(later) == []


def test_a_mail_that_is_tried_again_later_does_not_wait_yet(made):
    later = NOW + HOUR
    run_worker(at=later)
    Delivery.objects.update(due_at=later + HOUR, last_error="450 greylisted")

    assert codes(later) == []


# Mails that have failed


def failed(now=NOW):
    return list(health.failed_deliveries(now))


def fail(made, **values):
    made.deliveries.update(state=DeliveryState.FAILED, last_error="550 no", **values)
    return made.deliveries.first()


def test_a_failed_mail_counts_until_its_booking_is_over_and_then_for_a_week(made):
    mail = fail(made)

    assert failed() == [mail]
    assert failed(NOW + timedelta(days=6)) == [mail]
    assert failed(NOW + timedelta(days=8)) == []
    Delivery.objects.update(created_at=NOW - timedelta(days=60))
    assert failed() == [mail]
    assert failed(made.end + MINUTE) == []


def test_after_a_cancellation_only_what_tells_of_it_counts(made):
    confirmation = fail(made)
    booking.cancel(made, actor=Actor.AGENT, now=NOW + MINUTE)
    cancellation = made.deliveries.exclude(pk=confirmation.pk).first()
    assert failed() == []

    Delivery.objects.filter(pk=cancellation.pk).update(state=DeliveryState.FAILED)
    assert failed() == [cancellation]


# Publishing


def test_steps_of_a_workflow_that_fail_again_and_again_are_told(made):
    row = {"booking": made, "failed_at": NOW}
    Entry.objects.create(what="called", at=NOW - HOUR, advances=False, **row)
    assert codes() == []

    Entry.objects.create(what="called", at=NOW - HOUR, advances=True, **row)
    Timer.objects.create(rule="1", occasion="a", due_at=NOW - 2 * HOUR, **row)
    Timer.objects.create(rule="2", occasion="a", due_at=NOW - HOUR, fired_at=NOW, **row)

    (problem,) = health.problems(NOW)
    assert (problem.code, problem.count, problem.since) == ("steps_failing", 2, NOW - 2 * HOUR)
    assert "2 steps of the booking workflows fail again and again" in problem.message


def schedule_for(agenda, at):
    agenda.go_live_at = at
    agenda.save_revision(approved_go_live_at=at)


def keep_worker(now):
    run_worker(at=now)
    Delivery.objects.all().delete()
    return now


def test_a_draft_that_should_be_live_for_hours_tells_that_nobody_publishes(made):
    schedule_for(made.agenda, NOW)

    assert codes(keep_worker(NOW + 2 * HOUR)) == []
    assert codes(keep_worker(NOW + 3 * HOUR)) == ["publishing_overdue"]
    with freeze_time(NOW + 3 * HOUR):
        call_command("publish_scheduled")
    assert codes(keep_worker(NOW + 3 * HOUR)) == []


@pytest.mark.parametrize("what", ["agenda", "schedule", "page"])
def test_what_is_still_live_hours_after_it_expired_tells_it_too(made, what):
    agenda = made.agenda
    row = {"agenda": agenda, "schedule": agenda.schedule, "page": Page.objects.get(depth=2)}[what]
    type(row).objects.filter(pk=row.pk).update(expire_at=NOW, live=True)

    assert codes(keep_worker(NOW + 2 * HOUR)) == []
    assert codes(keep_worker(NOW + 3 * HOUR)) == ["publishing_overdue"]
    with freeze_time(NOW + 3 * HOUR):
        call_command("publish_scheduled")
    assert codes(keep_worker(NOW + 3 * HOUR)) == []


def test_the_oldest_of_what_is_overdue_says_since_when(made):
    schedule_for(made.agenda, NOW)
    Page.objects.filter(depth=2).update(expire_at=NOW - HOUR, live=True)

    (problem,) = health.problems(keep_worker(NOW + 3 * HOUR))

    assert problem.since == NOW - HOUR


# Proxies


@pytest.mark.parametrize(
    ("forwarded", "remote", "trusted", "told"),
    [
        ("203.0.113.5", "127.0.0.1", 0, True),
        ("203.0.113.5, 10.0.0.9", "10.0.0.3", 0, True),
        ("203.0.113.5", "", 0, True),
        ("203.0.113.5", "fd00::1", 0, True),
        ("203.0.113.5", "127.0.0.1", 1, False),
        ("", "127.0.0.1", 0, False),
        (" ", "127.0.0.1", 0, False),
        # Put right by the server already.
        ("10.0.0.7", "10.0.0.7", 0, False),
        # A proxy of the visitor's own.
        ("10.0.0.7", "8.8.8.8", 0, False),
        ("203.0.113.5", "nonsense", 0, False),
    ],
)
@pytest.mark.one_database
def test_a_proxy_that_is_not_believed_is_told(settings, forwarded, remote, trusted, told):
    settings.WAGTAIL_AGENDA = {"TRUSTED_PROXY_COUNT": trusted}
    request = RequestFactory().get("/", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR=remote)

    assert bool(health.proxy_problem(request)) == told


def test_it_is_told_how_to_believe_the_proxy():
    request = RequestFactory().get("/", headers={"x-forwarded-for": "203.0.113.5"})

    assert '{"TRUSTED_PROXY_COUNT": 1}' in health.proxy_problem(request).remedy


# The command


def run(capsys, *options):
    try:
        call_command("agenda_health", *options)
        code = 0
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


def test_the_command_says_ok(capsys):
    assert run(capsys) == (0, "ok\n")
    code, out = run(capsys, "--json")
    assert code == 0
    assert json.loads(out) == {
        "healthy": True,
        "checked_at": "2026-11-30T06:00:00+00:00",
        "failed_mails": 0,
        "problems": [],
    }


def test_the_command_names_what_is_wrong_and_ends_with_one(capsys, made):
    fail(made)
    with freeze_time(NOW + 2 * HOUR):
        code, out = run(capsys)
        assert code == 1
        assert "worker_unseen: The worker has not been seen" in out
        assert "manage.py qcluster" in out
        assert "mails_failed: 1 mail has failed." in out

        code, out = run(capsys, "--json")
    facts = json.loads(out)
    assert (code, facts["healthy"], facts["failed_mails"]) == (1, False, 1)
    assert [problem["code"] for problem in facts["problems"]] == ["worker_unseen"]
    assert facts["problems"][0]["since"] == "2026-11-30T06:01:00+00:00"


def test_some_failed_mails_can_be_tolerated(capsys, made):
    fail(made)

    assert run(capsys)[0] == 1
    assert run(capsys, "--tolerate-failed-mails", "1")[0] == 0
    fail(factories.make_booking(made.agenda))
    assert run(capsys, "--tolerate-failed-mails", "1")[0] == 1


# Mails that their server refuses


def refused(site, attempts=3, **fields):
    made = factories.make_booking(site=site)
    values = {"attempts": attempts, "due_at": NOW + HOUR, "last_error": "535 wrong password"}
    made.deliveries.update(**{**values, **fields})
    return made


def test_a_site_whose_mails_never_leave_is_named_with_the_reason():
    site = Site.objects.get()
    for _time in range(2):
        refused(site)
    run_worker(at=NOW + 20 * MINUTE)
    later = NOW + 20 * MINUTE
    (problem,) = health.problems(later)
    assert (problem.code, problem.count, problem.since) == ("mails_refused", 2, NOW)
    assert "2 mails of localhost [default]" in problem.message
    assert "535 wrong password" in problem.message
    assert "EMAIL_HOST" in problem.remedy
    Delivery.objects.update(last_error="451 4.7.1 <ada@post.example>: Greylisted")
    assert "451 4.7.1 <…@…>: Greylisted" in health.problems(later)[0].message
    MailSettings.objects.create(site=site, host="smtp.example")
    assert "Settings → Mail settings" in health.problems(later)[0].remedy


def test_each_site_is_named_and_those_whose_mails_leave_are_not():
    first = Site.objects.get()
    second, third = (
        Site.objects.create(hostname=name, root_page=first.root_page)
        for name in ("second.example", "third.example")
    )
    for site in (first, second, None, third):
        refused(site)
    # Of the third, others have left meanwhile: it is that recipient who refuses.
    refused(third, state=DeliveryState.DONE, done_at=NOW + MINUTE)
    run_worker(at=NOW + 20 * MINUTE)
    said = [one.message for one in health.problems(NOW + 20 * MINUTE)]
    assert len(said) == 3
    for name in ("localhost", "second.example", "no site"):
        assert any(f"mail of {name}" in text for text in said)


@pytest.mark.parametrize(("attempts", "minutes"), [(2, 20), (3, 14), (0, 20)])
def test_a_moment_of_trouble_is_no_alarm(attempts, minutes):
    refused(Site.objects.get(), attempts)
    run_worker(at=NOW + minutes * MINUTE)
    assert codes(NOW + minutes * MINUTE) == []
