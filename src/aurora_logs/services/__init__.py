"""The services' decision loops: what is done next, and what each branch of the error tree leads to."""
