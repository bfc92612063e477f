"""Choice: guardrails first, then what is owed, then the learner; and why, in words."""
