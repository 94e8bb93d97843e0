"""One contract, and two feeds that keep it: PostgreSQL's and Kafka's."""
