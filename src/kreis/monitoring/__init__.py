"""Monitoring: drift, the business metric, service levels; alerts that send the work back."""
