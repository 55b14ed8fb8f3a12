import json

import pytest


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_here_or_says_what(call):
    done = call("doctor", "--json")
    findings = {each["name"]: each["verdict"] for each in json.loads(done.stdout)}
    assert findings["training"] == "ok"
    assert done.returncode == (1 if "failed" in findings.values() else 0)
