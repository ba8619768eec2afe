"""Signs each request of stdin, a JSON line, with botocore, and writes its headers as a JSON line."""

import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    wanted = json.loads(line)
    request = AWSRequest(
        wanted["method"],
        wanted["url"],
        {**wanted["headers"], "host": wanted["host"]},
        wanted["body"].encode(),
    )
    SigV4Auth(Credentials("test", "test"), "personalize", "us-east-1").add_auth(request)
    print(json.dumps(dict(request.headers.items())))
