"""The loop: walks the circle, remembers finished steps, resumes, sends back."""
