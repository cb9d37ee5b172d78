"""What makes a candidate treat groups more alike: declared with a reason, kept with the model."""
