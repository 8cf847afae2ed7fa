"""Signatures, against the example of the specification and a plain formula; and what a receiver must refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from bintally.errors import InputError, UsageError
from warehouse.deliveries.retries import wait_s
from warehouse.deliveries.signing import TOLERANCE_S, headers, key_of, new_secret, verify

# Standard Webhooks' own example
SECRET, ID, AT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_example_comes_out() -> None:
    assert headers(SECRET, ID, AT, BODY) == {"webhook-id": ID, "webhook-timestamp": str(AT), "webhook-signature": SIGNED}


def test_it_is_the_plain_formula() -> None:
    secret = new_secret()
    key = base64.b64decode(secret.split("_")[1])
    code = hmac.new(key, f"m.7.{BODY.decode()}".encode(), hashlib.sha256).digest()
    assert headers(secret, "m", 7, BODY)["webhook-signature"] == f"v1,{base64.b64encode(code).decode()}"


def test_a_genuine_message_is_taken_whatever_the_case_of_its_headers() -> None:
    sent = {name.title(): value for name, value in headers(SECRET, ID, AT, BODY).items()}
    assert verify(SECRET, sent, BODY, AT + 10) == ID


def test_one_of_several_signatures_is_enough() -> None:
    sent = headers(SECRET, ID, AT, BODY)
    sent["webhook-signature"] = f"v1a,abc v1,AAAA {sent['webhook-signature']}"
    assert verify(SECRET, sent, BODY, AT) == ID


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("webhook-id", "msg_other", "not this secret's"),
        ("webhook-id", "", "missing"),
        ("webhook-timestamp", str(AT + 1), "not this secret's"),
        ("webhook-timestamp", "x", "no number of seconds"),
        ("webhook-timestamp", "9" * 5000, "no number of seconds"),
        ("webhook-timestamp", "²", "no number of seconds"),
        ("webhook-signature", "v1,AAAA", "not this secret's"),
        ("webhook-signature", SIGNED.replace("v1,", "v2,"), "not this secret's"),
        ("webhook-signature", "é", "not this secret's"),
    ],
)
def test_a_changed_message_is_refused(name: str, value: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        verify(SECRET, {**headers(SECRET, ID, AT, BODY), name: value}, BODY, AT)


def test_another_body_or_secret_is_refused() -> None:
    sent = headers(SECRET, ID, AT, BODY)
    with pytest.raises(InputError, match="not this secret's"):
        verify(SECRET, sent, BODY + b" ", AT)
    with pytest.raises(InputError, match="not this secret's"):
        verify(new_secret(), sent, BODY, AT)


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
def test_a_message_that_was_kept_and_sent_again_later_is_refused(late_s: int) -> None:
    with pytest.raises(InputError, match="allowed"):
        verify(SECRET, headers(SECRET, ID, AT, BODY), BODY, AT + late_s)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_???", "whsec_" + base64.b64encode(b"short").decode(), "é"])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    with pytest.raises(UsageError, match="24 to 64 bytes"):
        key_of(secret)


def test_waits_double_up_to_a_limit_and_never_more_than_halve() -> None:
    assert [wait_s(attempts, 0.0) for attempts in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert wait_s(1000, 0.0) == 3600
    assert wait_s(3, 1.0) == 10
