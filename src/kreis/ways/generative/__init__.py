"""The generative way: questions are answered from documents."""
