"""Tasks: what kind of question is asked, one file each; pure functions over outcomes and answers."""
