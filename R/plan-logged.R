# The plan that a log of responses would have had: everybody is included, with
# as many draws as there are. Derivation: methods vignette, "Results one already
# has".

# `rows` have ids, prompts, clusters, hazards and limits; `fixed` the cap, which
# prompts fixed it, and what there is to keep of screening.
plan_logged <- function(rows, fixed, cluster_size, seed, hazard) {
  n <- nrow(rows)
  rows$horizon <- rows$limit + 1
  rows[c("intensity", "inclusion", "u_inclusion")] <- list(1, 1, 0)
  rows$stop <- FALSE
  rows$order <- random_order(n, rows[["cluster"]])
  alpha <- 0.1
  constants <- list(
    design = "logged", budget = mean(rows$limit), alpha = alpha, delta = alpha,
    tau_max = largest_logged_tau, multiplier = NA_real_,
    least_intensity = NA_real_, max_weight = 1, seed = seed
  )
  constants <- c(constants, fixed$screening)
  constants$cap <- fixed$cap
  constants$reference <- fixed$reference
  constants$cluster_size <- cluster_size
  constants$variance <- find_design("logged")$variance(numeric(n), constants)
  seal_plan(rows[intersect(schema_names("row"), names(rows))], constants,
            hazard)
}

# All draws were made, and the cap limits what quantiles ask for, so that a tau
# near 1 costs nothing.
largest_logged_tau <- 0.999

# The quantiles that the draws can answer for: list(cap, reference). `limit` are
# the draws of each prompt, `trained` those of prompts that trained the hazard.
fix_logged_cap <- function(cap, limit, trained, call) {
  if (!is.null(cap)) {
    if (cap > max(limit) + 1) {
      stop_argument("cap", sprintf(
        "must be at most %.0f, one more than the draws of any prompt",
        max(limit) + 1
      ), format(cap), call = call)
    }
    return(list(cap = cap, reference = "none"))
  }
  if (all(c(limit, trained) == limit[1L])) {
    return(list(cap = limit[1L] + 1, reference = "none"))
  }
  reference <- if (length(trained) > 0L) "training" else "self"
  deep <- sort(if (reference == "self") limit else trained)
  list(cap = deep[1 + floor(spare_share * length(deep))] + 1,
       reference = reference)
}

# So few prompts may have fewer draws than the cap asks for. They count as
# missed where their quantile does, which costs at most as much coverage.
spare_share <- 0.005
