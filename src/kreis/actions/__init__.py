"""What a person can do with a project: run, serve, approve and so on. Each action is whole; every face calls these."""
