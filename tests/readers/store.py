"""A store in S3 that announces its objects in an SQS queue: moto's, on loopback, until standard input ends.

Prints the endpoint and the URL of the queue as JSON, and answers each line it reads with one line:

put FILE KEY   puts a file into the bucket `footage`
say TEXT       sends a message
left           the number of messages that were not deleted
"""

import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="rushes-test", AWS_SECRET_ACCESS_KEY="not-a-secret", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
s3 = boto3.client("s3", endpoint_url=endpoint)
sqs = boto3.client("sqs", endpoint_url=endpoint)
queue = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
s3.create_bucket(Bucket="footage")
s3.put_bucket_notification_configuration(
    Bucket="footage",
    NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
)


def answer(value):
    print(json.dumps(value), flush=True)


answer({"endpoint": endpoint, "queue": queue})
for line in sys.stdin:
    verb, _, rest = line.strip().partition(" ")
    if verb == "put":
        file, key = rest.rsplit(" ", 1)
        s3.upload_file(file, "footage", key)
        answer("put")
    elif verb == "say":
        sqs.send_message(QueueUrl=queue, MessageBody=rest)
        answer("said")
    elif verb == "left":
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        answer(sum(int(counts[name]) for name in names))
server.stop()
