"""Signed queries: what the other system sends is believed, what anybody else sends is not."""

import string
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda import signing
from wagtail_agenda.signing import NotSigned, check_query, sign_query, sign_url

NOW = datetime(2026, 1, 15, 10, tzinfo=timezone.utc)
SECRET = "s3cr3t"
NONCE = "abcdef0123456789"
CALLER = "wcs.example.org"
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
"""Those of base64, in the order of what they stand for."""


def checked(query, *, now=NOW, known=(SECRET,), first_time=True):
    return check_query(
        query,
        now=now,
        secrets_of=lambda orig: known if orig == CALLER else (),
        use_nonce=lambda signed: first_time,
    )


def signed(query=f"orig={CALLER}", **options):
    return sign_query(query, SECRET, **{"now": NOW, "nonce": NONCE, **options})


class TestSigning:
    @pytest.mark.parametrize(
        ("query", "signature"),
        [
            (f"orig={CALLER}", "ElQAEWmpJQRK7TA1S3rFhkgbbvTMwMep8on6dbzTrTo%3D"),
            (f"lock_code=a%20b&orig={CALLER}", "iPXfTYGbi6NDafeSrFsKl9T8vOokOKEfZdupMliKKII%3D"),
        ],
    )
    def test_vectors_of_the_other_system(self, query, signature):
        assert signed(query) == (
            f"{query}&algo=sha256&timestamp=2026-01-15T10%3A00%3A00Z&nonce={NONCE}"
            f"&signature={signature}"
        )

    def test_an_address_keeps_its_query_and_loses_its_fragment(self):
        url = sign_url("https://a.example/x/?b=1%202#c", SECRET, orig=CALLER, now=NOW)
        assert url.startswith(f"https://a.example/x/?b=1%202&orig={CALLER}&algo=sha256&")
        assert "#" not in url
        assert checked(urlsplit(url).query).orig == CALLER

    def test_an_address_without_a_query_is_signed_too(self):
        url = sign_url("https://a.example/x/", SECRET, orig=CALLER, now=NOW)
        assert checked(urlsplit(url).query).orig == CALLER

    def test_every_signature_has_a_nonce_of_its_own(self):
        nonces = {parse_qs(signed(nonce=None))["nonce"][0] for _number in range(20)}
        assert len(nonces) == 20

    @given(
        st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
        st.text(min_size=1, max_size=30),
        st.sampled_from(sorted(signing.ALGORITHMS)),
    )
    def test_what_is_signed_is_believed(self, values, secret, algo):
        values = {f"x{name}": value for name, value in values.items()}
        query = urlencode({**values, "orig": CALLER})
        text = sign_query(query, secret, now=NOW, algo=algo)
        assert checked(text, known=[secret]).orig == CALLER

    def test_another_way_to_write_the_same_signature_is_none(self):
        text = signed(f"slot=7&orig={CALLER}")
        start, _sign, given = text.rpartition("=")
        last = LETTERS.index(unquote(given)[-2])
        other = quote(unquote(given)[:-2] + LETTERS[last ^ 1] + "=", safe="")
        with pytest.raises(NotSigned):
            checked(f"{start}={other}")

    @given(st.integers(0, 200), st.characters(codec="ascii"))
    def test_a_changed_character_is_noticed(self, position, character):
        text = signed(f"slot=7&orig={CALLER}")
        position %= len(text)
        changed = text[:position] + character + text[position + 1 :]
        if unquote(changed) == unquote(text):
            return
        with pytest.raises(NotSigned):
            checked(changed)


class TestChecking:
    def refused(self, query, **options):
        with pytest.raises(NotSigned) as refusal:
            checked(query, **options)
        assert str(refusal.value).endswith(".")
        return refusal.value.code

    def test_who_is_not_known(self):
        assert self.refused(signed("orig=other.example.org")) == "invalid signature"
        assert self.refused(signed(), known=()) == "invalid signature"

    def test_who_is_not_known_does_not_sign_with_nothing(self):
        query = sign_query(f"orig={CALLER}", "", now=NOW, nonce=NONCE)
        assert self.refused(query, known=()) == "invalid signature"

    def test_a_wrong_secret(self):
        assert self.refused(signed(), known=["another"]) == "invalid signature"

    def test_the_old_and_the_new_secret_while_one_is_replaced(self):
        assert checked(signed(), known=["new", SECRET]).nonce == NONCE

    @pytest.mark.parametrize("seconds", [-31, 31, 3600])
    def test_a_clock_that_is_wrong(self, seconds):
        now = NOW + timedelta(seconds=seconds)
        assert self.refused(signed(), now=now) == "timestamp too far"

    @pytest.mark.parametrize("seconds", [-30, 0, 30])
    def test_a_clock_that_is_nearly_right(self, seconds):
        assert checked(signed(), now=NOW + timedelta(seconds=seconds)).timestamp == NOW

    def test_a_nonce_that_was_used(self):
        assert self.refused(signed(), first_time=False) == "nonce used"

    def test_nobody_uses_up_the_nonce_of_another(self):
        used = []
        with pytest.raises(NotSigned):
            check_query(
                signed(), now=NOW, secrets_of=lambda orig: ["another"], use_nonce=used.append
            )
        assert used == []

    def test_text_after_the_signature(self):
        assert self.refused(signed() + "&slot=8") == "text after signature"

    @pytest.mark.parametrize("name", ["algo", "timestamp", "nonce", "orig", "signature"])
    def test_a_field_that_stands_there_twice(self, name):
        assert self.refused(f"{name}=x&{signed()}") == f"repeated {name}"

    @pytest.mark.parametrize("name", ["algo", "timestamp", "nonce"])
    def test_a_field_that_is_missing(self, name):
        parts = [part for part in signed().split("&") if not part.startswith(f"{name}=")]
        assert self.refused("&".join(parts)) == f"missing {name}"

    def test_a_caller_who_names_nobody(self):
        assert self.refused(signed("a=1")) == "missing orig"

    @pytest.mark.parametrize("query", ["", f"orig={CALLER}", "signature=x", "%", "&&&"])
    def test_a_query_without_a_signature(self, query):
        assert self.refused(query) == "not signed"

    @pytest.mark.parametrize("algo", ["md5", "sha1", "SHA256", "none"])
    def test_a_weak_or_unknown_algorithm(self, algo):
        assert self.refused(signed().replace("sha256", algo)) == "unknown algo"

    @pytest.mark.parametrize(
        "timestamp", ["now", "2026-01-15", "2026-01-15T10:00:00", "2026-13-45T10:00:00Z", "٢٠٢٦"]
    )
    def test_a_timestamp_that_is_none(self, timestamp):
        query = signed().replace("2026-01-15T10%3A00%3A00Z", timestamp)
        assert self.refused(query) == "invalid timestamp"

    def test_a_query_of_a_megabyte(self):
        assert self.refused("x=" + "a" * 1_000_000 + "&" + signed()) == "query too long"

    def test_a_nonce_of_a_kilobyte(self):
        assert self.refused(signed(nonce="a" * 1000)) == "nonce too long"

    @given(st.text(max_size=200))
    def test_anything_at_all_is_refused_in_words(self, query):
        with pytest.raises(NotSigned):
            checked(query)
