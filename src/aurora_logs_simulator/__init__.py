"""A stranger that speaks the RDS log API as boto3 and the AWS CLI see it, and shares no code with the product."""
