#!/usr/bin/env python3
"""A caller of otp-stream in Python: asks for codes and verifies them by all three contracts, then reads the results.

It needs a running service with the default configuration, and its public keys: `otp-stream keys public > jwks.json`.
"""

import argparse
import random
import re
import uuid
from datetime import datetime, timedelta, timezone

import jwt

from caller import Caller, NoReply
from reader import Reader

SMS = "egov.core.notification.sms.otp"
RESULTS = "otp-validation-result"
LIFECYCLE = "otp-lifecycle"
DEAD_LETTERS = "otp-dead-letter"


class Story:
    def __init__(self, bootstrap_servers, jwks):
        # The caller's own reference: it comes back in every result and lifecycle event.
        self.ref = f"python-{uuid.uuid4()}"
        self.jwks = jwks
        callers = [
            Caller(bootstrap_servers, f"otp-request-{contract}", f"otp-response-{contract}", self.ref)
            for contract in ("egov", "int", "mosip")
        ]
        self.digit, self.int, self.mosip = callers
        self.reader = Reader(bootstrap_servers, ["otp-response-egov", SMS, RESULTS, LIFECYCLE, DEAD_LETTERS])

    def digit_login(self):
        """A login whose first reply gets lost: the second request has the same ce_id, and nothing happens twice."""
        number, ce_id = mobile_number(), str(uuid.uuid4())
        key = f"egov|pb|{number}"
        send = {
            "operation": "send",
            "RequestInfo": {"msgId": "20170310130900|en_IN"},
            "otp": {"mobileNumber": number, "tenantId": "pb.amritsar", "type": "login", "userType": "CITIZEN"},
        }
        self.digit.stop_reading()
        must_time_out(lambda: self.digit.ask(key, send, ce_id, timeout=3))
        told("DIGIT send", "no reply within 3 s, since nobody reads the replies")
        self.digit.read_again()
        headers, body = self.digit.ask(key, send, ce_id)
        check(body.get("isSuccessful") is True, body)
        replies = self.reader.wait("both replies", 2, "otp-response-egov", caused_by(ce_id))
        first, second = ((it.headers["ce_id"], it.headers["ce_time"], it.body) for it in replies)
        check(first == second and first[0] == headers["ce_id"], "the second reply is not the first one again")
        told("DIGIT send again", "the same ce_id, the same reply, and one SMS")
        validate = {"operation": "validate", "otp": {"otp": self.code(ce_id), "identity": number, "tenantId": "pb.amritsar"}}
        _, body = self.digit.ask(key, validate)
        check(body["otp"]["isValidationSuccessful"] is True, body)
        told("DIGIT validate", "accepted")

    def digit_not_an_object(self):
        """A value that is no JSON object has no reply. The dead letter repeats the correlation id of the request."""
        correlation = must_time_out(lambda: self.digit.ask("egov|pb|none", b'["send"]', timeout=3))

        def of_this_request(event):
            return event.headers.get("kafka_correlationId") == correlation

        [letter] = self.reader.wait("the dead letter", 1, DEAD_LETTERS, of_this_request)
        reason = letter.headers["__dlq.errors.message"].decode()
        told("DIGIT, no JSON object", f"no reply within 3 s; the dead letter says: {reason}")

    def int_otp(self):
        mobile = mobile_number()
        key = f"int|default|{mobile}"
        start = datetime.now(timezone.utc) - timedelta(seconds=1)
        window = {"channel": "Digital", "startTime": f"{start:%Y-%m-%d %H:%M:%S}", "duration": 180, "digit": 6, "mobile": mobile}
        _, body = self.int.ask(key, {"operationType": "GENERATE", **window})
        check(body["status"] == 200, body)
        told("INT GENERATE", "status 200, with the code")
        _, body = self.int.ask(key, {"operationType": "VALIDATE", "generatedOtp": body["otp"], **window})
        check(body["status"] == 200, body)
        told("INT VALIDATE", "status 200")

    def mosip_otpmanager(self):
        name = f"key-{uuid.uuid4()}"
        response = self.mosip_ask("mosip.otp.generate", name, {"key": name})[1]
        check(response["status"] == "GENERATION_SUCCESSFUL", response["status"])
        told("MOSIP generate", response["status"])
        response = self.mosip_ask("mosip.otp.validate", name, {"key": name, "otp": response["otp"]})[1]
        check(response["status"] == "success", response)
        told("MOSIP validate", response["message"])

    def mosip_login(self):
        """A right code gives a token. Whoever gets the token verifies it with the service's public keys."""
        user, ce_id = mobile_number(), str(uuid.uuid4())
        send = {"userId": user, "otpChannel": ["phone"], "useridtype": "USERID", "appId": "resident", "context": "auth-otp"}
        response = self.mosip_ask("mosip.authentication.sendotp", user, send, ce_id)[1]
        check(response["status"] == "success", response)
        told("MOSIP sendotp", response["message"])
        login = {"userId": user, "otp": self.code(ce_id), "appId": "resident"}
        headers, response = self.mosip_ask("mosip.authentication.useridOTP", user, login)
        check(response["status"] == "success", response)
        token = headers["authorization"].decode()
        claims = self.verified(token)
        check(claims["sub"] == user and claims["isOtpVerified"] is True, "claims of somebody else")
        head, body, signature = token.split(".")
        forged = ".".join([head, body, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")])
        try:
            self.verified(forged)
        except jwt.InvalidSignatureError:
            told("MOSIP useridOTP", f"PyJWT verifies the token of {claims['iss']}, and refuses a forged one")
            return
        raise AssertionError("a forged token was accepted")

    def results(self):
        """What an analyst sees of this run: one result for each verification, and the life of each code."""

        def of_this_run(event):
            return event.body["clientRef"] == self.ref

        results = [event.body for event in self.reader.wait("results", 4, RESULTS, of_this_run)]
        seen = sorted((it["contract"], it["purpose"], it["result"], it["reason"]) for it in results)
        expected = [("egov", "login"), ("int", "otp"), ("mosip", "generate"), ("mosip", "sendotp")]
        check(seen == [(*it, "accepted", "verified") for it in expected], seen)
        life = [event.body["type"] for event in self.reader.wait("lifecycle events", 8, LIFECYCLE, of_this_run)]
        check(sorted(life) == ["issued"] * 4 + ["verified"] * 4, life)
        told("otp-validation-result", "4 accepted")
        told("otp-lifecycle", "4 issued, 4 verified")

    def close(self):
        for reader in (self.digit, self.int, self.mosip, self.reader):
            reader.close()

    def mosip_ask(self, operation, subject, request, ce_id=None):
        """The headers of the reply, and its member `response`."""
        envelope = {"id": operation, "version": "1.0", "requesttime": utc_now(), "metadata": None, "request": request}
        headers, body = self.mosip.ask(f"mosip|default|{subject}", envelope, ce_id)
        check(body["errors"] is None, body)
        return headers, body["response"]

    def code(self, ce_id):
        """The code in the one SMS of a request. Only an SMS gateway may read this topic in a deployment."""
        [sms] = self.reader.wait("the SMS", 1, SMS, caused_by(ce_id))
        return re.search(r"\b[0-9]{6}\b", sms.body["message"]).group()

    def verified(self, token):
        key = self.jwks[jwt.get_unverified_header(token)["kid"]]
        required = ["exp", "iat", "iss", "sub"]
        return jwt.decode(token, key, ["ES256"], issuer="otp-stream", options={"require": required})


def caused_by(ce_id):
    return lambda event: event.headers.get("ce_causationid") == ce_id.encode()


def must_time_out(ask):
    """The correlation id of a request that is not answered."""
    try:
        ask()
    except NoReply as no_reply:
        return no_reply.correlation
    raise AssertionError("a reply came that could not come")


def mobile_number():
    return f"9{random.SystemRandom().randrange(10**9):09}"


def utc_now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(holds, shown):
    if not holds:
        raise AssertionError(shown)


def told(step, outcome):
    print(f"{step:24}{outcome}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--jwks", default="jwks.json", help="what `otp-stream keys public` prints")
    arguments = parser.parse_args()
    with open(arguments.jwks, encoding="utf-8") as file:
        jwks = jwt.PyJWKSet.from_json(file.read())
    story = Story(arguments.bootstrap_servers, jwks)
    story.digit_login()
    story.digit_not_an_object()
    story.int_otp()
    story.mosip_otpmanager()
    story.mosip_login()
    story.results()
    story.close()
    print("Every step went as it should.")


if __name__ == "__main__":
    main()
