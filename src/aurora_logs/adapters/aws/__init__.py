"""Amazon: the RDS log API as a LogSource. boto3 and botocore are imported when a source is opened, not before."""
