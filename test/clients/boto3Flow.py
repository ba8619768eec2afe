"""The whole flow on online-retail as a Python customer writes it: boto3Flow.py BUCKET_FOLDER RECORD_FILE.

Fails with an AssertionError at the first answer that is not as it must be. Every answer is also written to
RECORD_FILE as it came over the wire, one JSON document a line, for the test that started this to check.
"""

import collections
import csv
import datetime
import json
import pathlib
import sys
import time

import boto3
import botocore.config
import botocore.exceptions

bucket, record_file = map(pathlib.Path, sys.argv[1:3])
role = "arn:aws:iam::123456789012:role/PersonalizeRole"
recipe = "arn:aws:personalize:::recipe/aws-item-affinity"
statuses = ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]

client = boto3.client(
    "personalize", config=botocore.config.Config(retries={"total_max_attempts": 1})
)
error = client.exceptions
record = record_file.open("w")


def write_down(response_dict, operation_name=None, **details):
    operation = details["event_name"].split(".")[-1]
    body = response_dict["body"].decode()
    status = response_dict["status_code"]
    print(json.dumps({"operation": operation, "status": status, "body": body}), file=record)


client.meta.events.register("response-received.personalize", write_down)


def schema(name, *fields):
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": list(fields),
            "version": "1.0",
        }
    )


def field(name, kind="string", **attributes):
    return {"name": name, "type": kind, **attributes}


schemas = {
    "Interactions": schema(
        "Interactions",
        field("USER_ID"),
        field("ITEM_ID"),
        field("TIMESTAMP", "long"),
        field("EVENT_TYPE"),
        field("EVENT_VALUE", ["float", "null"]),
        field("UNIT_PRICE", "float"),
        field("INVOICE"),
    ),
    "Items": schema(
        "Items",
        field("ITEM_ID"),
        field("DESCRIPTION", ["null", "string"], textual=True),
        field("PRICE", ["null", "float"]),
    ),
    "Users": schema("Users", field("USER_ID"), field("COUNTRY", categorical=True)),
}


def refused(exception, text, call, **arguments):
    """Asserts that a call fails with this modelled class, as an `except` clause of a program sees it."""
    try:
        call(**arguments)
    except exception as caught:
        assert text in str(caught), str(caught)
        assert caught.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert caught.response["ResponseMetadata"]["RequestId"], caught.response
        return
    raise AssertionError(f"{call.__name__}({arguments}) was not refused with {exception.__name__}")


def until_active(describe, member, **arn):
    """Polls as every AWS sample does, and checks what each answer must hold."""
    seen = []
    end = time.monotonic() + 400
    while time.monotonic() < end:
        resource = describe(**arn)[member]
        for name in ["creationDateTime", "lastUpdatedDateTime"]:
            assert isinstance(resource[name], datetime.datetime), resource[name]
            assert resource[name].utcoffset() is not None, resource[name]
        assert resource["lastUpdatedDateTime"] >= resource["creationDateTime"]
        assert abs(resource["creationDateTime"].timestamp() - time.time()) < 3600
        if resource["status"] not in seen:
            seen.append(resource["status"])
        if resource["status"] in ("ACTIVE", "CREATE FAILED"):
            break
        time.sleep(0.2)
    assert resource["status"] == "ACTIVE", resource
    assert seen == [status for status in statuses if status in seen], seen
    assert "failureReason" not in resource
    return resource


def check_list(operation, member, arn, newest_first, **where):
    """The order of a list, its pages through the paginator, and tokens that may be used again."""
    call = getattr(client, operation)
    assert [each[arn] for each in call(**where)[member]] == newest_first
    pages = list(
        client.get_paginator(operation).paginate(**where, PaginationConfig={"PageSize": 1})
    )
    assert [[each[arn] for each in page[member]] for page in pages] == [[x] for x in newest_first]
    assert "nextToken" not in pages[-1]
    if len(pages) > 1:
        token = pages[0]["nextToken"]
        twice = [call(**where, maxResults=1, nextToken=token) for _ in range(2)]
        assert twice[0][member] == twice[1][member] == pages[1][member]
        other = client.list_recipes if operation != "list_recipes" else client.list_schemas
        refused(error.InvalidNextTokenException, "", other, nextToken=token)
    refused(error.InvalidNextTokenException, "", call, nextToken="bm8gdG9rZW4=")


def create_datasets():
    group = client.create_dataset_group(name="retail")["datasetGroupArn"]
    assert group == "arn:aws:personalize:us-east-1:123456789012:dataset-group/retail"
    until_active(client.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    second = client.create_dataset_group(name="another")["datasetGroupArn"]
    check_list("list_dataset_groups", "datasetGroups", "datasetGroupArn", [second, group])
    refused(
        error.ResourceAlreadyExistsException,
        f"Another resource with Arn {group} already exists.",
        client.create_dataset_group,
        name="retail",
    )

    schema_arns, dataset_arns = {}, {}
    for name, text in schemas.items():
        schema_arns[name] = client.create_schema(name=f"retail-{name}", schema=text)["schemaArn"]
        described = client.describe_schema(schemaArn=schema_arns[name])["schema"]
        assert described["schema"] == text
    newest_first = list(reversed(schema_arns.values()))
    check_list("list_schemas", "schemas", "schemaArn", newest_first)

    for name, schema_arn in schema_arns.items():
        dataset = client.create_dataset(
            name=f"retail-{name}", datasetGroupArn=group, datasetType=name, schemaArn=schema_arn
        )["datasetArn"]
        assert dataset == f"arn:aws:personalize:us-east-1:123456789012:dataset/retail/{name.upper()}"
        described = until_active(client.describe_dataset, "dataset", datasetArn=dataset)
        assert described["datasetType"] == name.upper()
        assert described["schemaArn"] == schema_arn
        dataset_arns[name] = dataset
    newest_first = list(reversed(dataset_arns.values()))
    check_list("list_datasets", "datasets", "datasetArn", newest_first, datasetGroupArn=group)
    refused(
        error.ResourceInUseException, "", client.delete_schema, schemaArn=schema_arns["Items"]
    )
    return group, dataset_arns


def import_all(dataset_arns):
    imports = []
    for name, dataset in dataset_arns.items():
        source = {"dataLocation": f"s3://retail/data/{name.lower()}.csv"}
        made = client.create_dataset_import_job(
            jobName=f"retail-{name}", datasetArn=dataset, dataSource=source, roleArn=role
        )
        imports.append(made["datasetImportJobArn"])
    for arn in imports:
        job = until_active(
            client.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=arn
        )
        assert job["roleArn"] == role and job["importMode"] == "FULL", job
    check_list(
        "list_dataset_import_jobs", "datasetImportJobs", "datasetImportJobArn", imports[::-1]
    )


def train(group):
    solution = client.create_solution(
        name="retail",
        datasetGroupArn=group,
        recipeArn=recipe,
        performAutoTraining=False,
        tags=[{"tagKey": "team", "tagValue": "marketing"}],
    )["solutionArn"]
    described = until_active(client.describe_solution, "solution", solutionArn=solution)
    assert described["performAutoTraining"] is False
    assert described["performHPO"] is False and described["recipeArn"] == recipe
    tags = client.list_tags_for_resource(resourceArn=solution)["tags"]
    assert tags == [{"tagKey": "team", "tagValue": "marketing"}]

    version = client.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    refused(
        (error.ResourceInUseException, error.InvalidInputException),
        "",
        client.create_batch_segment_job,
        **segment_job("too-early", version),
    )
    described = until_active(
        client.describe_solution_version, "solutionVersion", solutionVersionArn=version
    )
    assert described["trainingHours"] > 0 and described["trainingMode"] == "FULL"
    metrics = client.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert list(metrics) == ["coverage", "hits_at_1_percent", "recall_at_1_percent"]
    assert 0.05 < metrics["recall_at_1_percent"] < 1, metrics
    assert all(round(value, 4) == value for value in metrics.values()), metrics
    where = {"solutionArn": solution}
    check_list(
        "list_solution_versions", "solutionVersions", "solutionVersionArn", [version], **where
    )
    return version


def segment_job(name, version, **more):
    return {
        "jobName": name,
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": "s3://retail/queries/items.jsonl"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://retail/{name}/"}},
        "roleArn": role,
        **more,
    }


def run_job(**job):
    arn = client.create_batch_segment_job(**job)["batchSegmentJobArn"]
    assert arn == f"arn:aws:personalize:us-east-1:123456789012:batch-segment-job/{job['jobName']}"
    described = until_active(
        client.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn
    )
    expected = {"batchSegmentJobArn": arn, "numResults": 25, **job, "status": "ACTIVE"}
    for name in ["creationDateTime", "lastUpdatedDateTime"]:
        del described[name]
    assert described == expected, described
    folder = bucket / job["jobName"]
    assert sorted(path.name for path in folder.iterdir()) == ["_CHECK", "items.jsonl.out"]
    lines = (folder / "items.jsonl.out").read_text().splitlines()
    return arn, [json.loads(line) for line in lines]


def check_segments(version, group):
    with (bucket / "data" / "interactions.csv").open() as file:
        buyers = collections.defaultdict(set)
        for row in csv.DictReader(file):
            buyers[row["ITEM_ID"]].add(row["USER_ID"])
    with (bucket / "data" / "users.csv").open() as file:
        country = {row["USER_ID"]: row["COUNTRY"] for row in csv.DictReader(file)}
    popular = sorted(buyers, key=lambda item: -len(buyers[item]))[:20]
    queries = [{"itemId": item, "filterValues": {"COUNTRY": '"Germany"'}} for item in popular]
    texts = [json.dumps(query) for query in queries] + ['{"itemId": "no such item"}', "{"]
    (bucket / "queries").mkdir()
    (bucket / "queries" / "items.jsonl").write_text("\n".join(texts))

    first, answers = run_job(**segment_job("everybody", version, numResults=100))
    assert len(answers) == len(texts)
    for item, query, answer in zip(popular, queries, answers):
        assert list(answer) == ["input", "output", "error"] and answer["error"] is None
        assert answer["input"] == query
        users = answer["output"]["usersList"]
        assert len(users) == len(set(users)) == 100 and set(users) <= set(country)
        # Of 100 users taken at random, about as many bought the item as of all.
        at_random = 100 * len(buyers[item]) / len(country)
        assert len(buyers[item] & set(users)) > 2 * at_random, (item, at_random)
    for answer in answers[len(popular) :]:
        assert answer["output"] is None and isinstance(answer["error"], str), answer

    filter_arn = client.create_filter(
        name="by-country",
        datasetGroupArn=group,
        filterExpression="INCLUDE UserID WHERE Users.COUNTRY IN ($COUNTRY)",
    )["filterArn"]
    until_active(client.describe_filter, "filter", filterArn=filter_arn)
    check_list("list_filters", "Filters", "filterArn", [filter_arn], datasetGroupArn=group)
    second, answers = run_job(**segment_job("germans", version, filterArn=filter_arn))
    for answer in answers[: len(popular)]:
        users = answer["output"]["usersList"]
        assert len(users) == 25 and {country[user] for user in users} == {"Germany"}
    check_list(
        "list_batch_segment_jobs",
        "batchSegmentJobs",
        "batchSegmentJobArn",
        [second, first],
        solutionVersionArn=version,
    )
    refused(
        error.ResourceAlreadyExistsException,
        "already exists",
        client.create_batch_segment_job,
        **segment_job("everybody", version),
    )
    too_many = segment_job("too-many", version, numResults=5_000_001)
    refused(error.InvalidInputException, "", client.create_batch_segment_job, **too_many)
    client.delete_filter(filterArn=filter_arn)
    refused(error.ResourceNotFoundException, "", client.describe_filter, filterArn=filter_arn)


def check_refusals(group):
    missing = "arn:aws:personalize:us-east-1:123456789012:batch-segment-job/nope"
    describe = client.describe_batch_segment_job
    refused(error.ResourceNotFoundException, missing, describe, batchSegmentJobArn=missing)
    # What boto3 itself refuses never reaches the server.
    try:
        client.create_batch_segment_job(jobName="incomplete")
    except botocore.exceptions.ParamValidationError as caught:
        assert "solutionVersionArn" in str(caught)
    refused(error.InvalidInputException, "", client.create_dataset_group, name="a b")
    refused(error.ResourceInUseException, "", client.delete_dataset_group, datasetGroupArn=group)


group, dataset_arns = create_datasets()
import_all(dataset_arns)
version = train(group)
check_segments(version, group)
check_refusals(group)
record.close()
