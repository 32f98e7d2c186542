# The cap of the quantiles and tau_max: together they decide the largest weight,
# and so how long a bound can be certified. Derivation: methods vignette, "The
# cap".

# `constants` with both; what was given stays. `cap` is what the user said,
# `reference` the rows of the reference prompts, `precision` that of the hazard.
choose_limits <- function(constants, cap, pilot, reference, n,
                          precision = NULL) {
  if (chooses_cap(constants, cap)) {
    # A limit to the size of clusters scales payoffs and bets alike.
    settings <- constants[setdiff(names(constants), "cluster_size")]
    chosen <- choose_cap(settings, pilot, reference, n, precision)
    constants$cap <- chosen$cap
    if (!chosen$by_pilot) {
      pilot <- NULL
    }
  }
  choose_tau_max(constants, pilot, n)
}

# Without certificate, and where a design goes without a cap as published, there
# is nothing to choose by.
chooses_cap <- function(constants, cap) {
  is.null(cap) && !is.na(constants$delta) &&
    find_design(constants$design)$capped
}

# ---- The search --------------------------------------------------------------

# The cap with the longest certified bound, simulated, and whether with the
# tau_max of the pilot: list(cap, by_pilot). No bound exceeds its cap: caps
# below the best bound so far need no simulation, so the search begins with the
# largest.
choose_cap <- function(constants, pilot, reference, n, precision = NULL) {
  scene <- simulated_scene(pilot, reference, n, precision)
  tried <- data.frame(cap = numeric(), bound = numeric(), by_pilot = logical())
  try_caps <- function(tried, caps) {
    for (cap in setdiff(round(caps), tried$cap)) {
      if (cap >= 2 && log(cap) > max(0, tried$bound)) {
        limited <- replace(constants, "cap", cap)
        tried[nrow(tried) + 1L, ] <- c(cap, predict_bound(limited, scene))
      }
    }
    tried
  }
  longest <- longest_cap(constants, scene)
  tried <- try_caps(tried, longest / 2^(0:floor(log2(longest))))
  if (!any(tried$bound > 0)) {
    return(list(cap = constants$cap, by_pilot = TRUE))
  }
  best <- tried$cap[which.max(tried$bound)]
  tried <- try_caps(tried, pmin(longest, best * 2^c(-0.5, 0.5)))
  good <- tried[tried$bound >= max(tried$bound) + log(good_enough), ]
  as.list(good[which.min(good$cap), ])
}

# Of caps that are about as good the smallest is taken. It asks least of the
# hazards of prompts that look safe, where a wrong one costs most.
good_enough <- 0.97

# Beyond the longest quantile a cap changes nothing but the weights it permits.
longest_cap <- function(constants, scene) {
  constants <- choose_tau_max(constants, scene$pilot, scene$n)
  max(prior_quantile(scene$reference, constants))
}

# A seed that nobody takes for draws of their own, which these random numbers
# must not depend on.
cap_seed <- 613593

# ---- What is simulated -------------------------------------------------------

# Prompts like those to calibrate on, with the hazards that a plan would know
# and those that draws follow: what training draws say of them, or as different
# as the precision of the hazard says. A share of the reference prompts, and of
# the pilot, is enough to fix constants.
simulated_scene <- function(pilot, reference, n, precision = NULL,
                            most = 10000) {
  truth <- with_seed(cap_seed, {
    if (is.null(pilot)) {
      draw_alike(reference$prob, reference[["precision"]] %||% precision)
    } else {
      draw_truth(pilot)
    }
  })
  known <- plain_rows(pilot %||% reference)
  list(
    rows = known,
    truth = truth,
    shown = thin_out(known),
    reference = thin_out(plain_rows(reference)),
    pilot = if (!is.null(pilot)) thin_pilot(pilot),
    n = min(n, most)
  )
}

# The mean log bound that can be certified with these settings, and whether it
# takes the tau_max of the pilot: with a low cap that is often so high that it
# wastes draws on the riskiest prompts.
predict_bound <- function(constants, scene) {
  piloted <- choose_tau_max(constants, scene$pilot, scene$n)
  plain <- choose_tau_max(constants, NULL, scene$n)
  bound <- simulate_bound(piloted, scene)
  if (piloted$tau_max <= plain$tau_max) {
    return(c(bound, TRUE))
  }
  other <- simulate_bound(plain, scene)
  c(max(bound, other), bound >= other)
}

# The random last step of the certificate is spread evenly over the
# repetitions.
simulate_bound <- function(constants, scene, prompts = 16000,
                           repetitions = 25) {
  n <- scene$n
  constants <- fix_by(constants, scene$reference, n)
  if (cannot_certify(constants_betting(constants, n))) {
    return(0)
  }
  repetitions <- max(2, min(repetitions, ceiling(prompts / n)))
  law <- find_law(constants)
  size <- length(scene$truth)
  bounds <- vapply(seq_len(repetitions), function(r) {
    tau <- with_seed(cap_seed + r, {
      at <- sample.int(size, n, replace = n > size)
      audit <- simulate_design(constants, law_rows(law, scene$rows, at),
                               scene$truth[at],
                               u_certificate = (r - 0.5) / repetitions)
      certify_tau(audit, constants$alpha, constants$delta, "exact")$tau
    })
    mean(log(law$quantile(scene$shown, tau, constants$cap)))
  }, 0)
  mean(bounds)
}

# What the law of some rows is made of.
plain_rows <- function(rows) rows[find_law(rows)$columns]

# Evenly spaced by their hazard.
thin_out <- function(rows, size = 500) {
  at <- order(rows$prob)[thin_places(length(rows$prob), size)]
  lapply(rows, `[`, at)
}

thin_places <- function(n, size) {
  if (n <= size) seq_len(n) else ceiling((seq_len(size) - 0.5) * n / size)
}

# `size` is that of the whole, by which its error goes.
thin_pilot <- function(pilot, size = 500) {
  c(thin_out(pilot, size), size = length(pilot$prob))
}
