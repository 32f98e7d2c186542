# The columns and constants of plans and audits, each once.

policy_columns <- c("method", "budget", "alpha", "delta", "cap", "tau_prior",
                    "weight_limit", "variance", "design")

plan_constants <- c("plan_id", policy_columns, "threshold", "hazard_check", "n",
                    "checksum")

plan_columns <- c("id", "prompt", "prob", "horizon", "intensity", "pi", "limit",
                  "stop", "order", "u", plan_constants)

plan_numbers <- c("prob", "horizon", "intensity", "pi", "limit", "order", "u",
                  "budget", "alpha", "delta", "cap", "tau_prior",
                  "weight_limit", "variance", "threshold", "hazard_check", "n",
                  "checksum")

outcome_columns <- c("draws", "unsafe", "time", "status", "overshoot", "failed")
