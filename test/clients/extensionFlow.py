"""Our own operations as a Python customer calls them: extensionFlow.py SOLUTION_VERSION JOB RECORD_FILE.

Fails with an AssertionError at the first answer that is not as it must be. Every answer is also written to
RECORD_FILE as it came over the wire, one JSON document a line, for the test that started this to check.
"""

import json
import sys

import boto3
import botocore.exceptions

version, job, record_file = sys.argv[1:4]
assert "openpersonalize" in boto3.Session().get_available_services()
client = boto3.client("openpersonalize")
error = client.exceptions
record = open(record_file, "w")


def write_down(response_dict, operation_name=None, **details):
    operation = details["event_name"].split(".")[-1]
    body = response_dict["body"].decode()
    status = response_dict["status_code"]
    print(json.dumps({"operation": operation, "status": status, "body": body}), file=record)


client.meta.events.register("response-received.openpersonalize", write_down)

model = client.describe_model(solutionVersionArn=version)["model"]
assert model["userCount"] == 60 and isinstance(model["als"]["alpha0"], float), model

query = {"itemId": "i00"}
preview = client.preview_segment(solutionVersionArn=version, segmentQuery=query, numResults=10)
users = [user["userId"] for user in preview["users"]]
assert len(users) == 10 and preview["userCount"] == 60, preview
assert [point["percent"] for point in preview["liftCurve"]] == [1, 2, 5, 10, 20, 50, 100]

why = client.explain_segment(batchSegmentJobArn=job, line=1, userId=users[2])
assert why["rank"] == 3 and why["expected"] == preview["users"][2]["expected"], why
assert why == client.explain_segment(
    solutionVersionArn=version, segmentQuery=query, userId=users[2]
) | {"ResponseMetadata": why["ResponseMetadata"]}

lines = [{"batchSegmentJobArn": job, "line": line} for line in [1, 2, 1]]
compared = client.compare_segments(segments=lines)
assert [pair["jaccard"] for pair in compared["pairs"]][1] == 1, compared

try:
    client.preview_segment(solutionVersionArn=version, segmentQuery={"itemId": "nothing"})
    raise AssertionError("an unknown item was not refused")
except error.InvalidInputException as caught:
    assert "The item nothing had no interactions" in str(caught)
try:
    client.describe_model(solutionVersionArn=version + "x")
    raise AssertionError("an unknown version was not refused")
except error.ResourceNotFoundException as caught:
    assert caught.response["ResponseMetadata"]["RequestId"], caught.response
# What boto3 itself refuses never reaches the server.
try:
    client.preview_segment(solutionVersionArn=version, segmentQuery=query, numResults=0)
except botocore.exceptions.ParamValidationError as caught:
    assert "numResults" in str(caught)
record.close()
