# Shared by tests of plans, audits and bounds: prompts whose hazard is known.

# A hazard "fit" that reads the hazard off the features.
known_hazard <- function() {
  as_hazard(function(newdata) as.numeric(newdata))
}

# By the paper's method, whose draws stop, unless another is asked for.
known_plan <- function(p, budget = 20, design = "optimized", ...,
                       delta = NULL, prompts = as.character(seq_along(p))) {
  plan_audit(known_hazard(), prompts, p, budget = budget, design = design,
             delta = delta, ...)
}

# A plan that was changed, as if it had been drawn like that.
reseal <- function(plan) {
  parts <- plan_parts(plan)
  forge(plan, {
    plan_id <- rep(plan_hash(parts), nrow(plan))
    checksum <- rep(plan_checksum(parts), nrow(plan))
  })
}

# A table whose values are changed although its class does not allow it: as if
# it had come out so.
forge <- function(x, code) {
  values <- list2env(as.list(x), parent = parent.frame())
  eval(substitute(code), values)
  forged <- mget(names(x), values)
  attributes(forged) <- attributes(x)
  forged
}

# As published: no certificate.
point_lpb <- function(audit, ...) calibrate_lpb(audit, ..., delta = NULL)

# A sampler that is deterministic in (prompt, draw): unsafe at the draws listed
# for that prompt in `unsafe`, a list named by prompt.
scripted_sampler <- function(unsafe) {
  function(prompts, draw) {
    mapply(function(prompt, k) k %in% unsafe[[prompt]], prompts, draw,
           USE.NAMES = FALSE)
  }
}

bad_arguments <- function(f, good, bad) {
  for (arg in names(bad)) {
    for (value in bad[[arg]]) {
      args <- good
      args[arg] <- list(value)
      error <- tryCatch(do.call(f, args), error = identity)
      expect_s3_class(error, "timetounsafe_error")
      expect_match(conditionMessage(error), paste0("`", arg), fixed = TRUE)
    }
  }
}

# A bound from a simulated audit of prompts with known hazards.
bound_on <- function(p, ..., delta = 0.1, budget = 20) {
  suppressWarnings(calibrate_lpb(
    simulate_audit(known_plan(p, budget, ...), p), delta = delta
  ))
}

# One of each kind.
many_lpbs <- function() {
  set.seed(4)
  p <- 10^runif(400, -3, -1)
  list(
    certified = bound_on(p), point = bound_on(p, delta = NULL),
    optimized = bound_on(p, design = "optimized"),
    naive = bound_on(p, design = "naive"), trivial = bound_on(p[1:5]),
    nobody = bound_on(1e-3, budget = 0.01)
  )
}

# Without the warnings that a test is not about.
quiet <- function(code) {
  suppressWarnings(code, classes = "timetounsafe_warning")
}

# What is printed.
lines_of <- function(x, ...) capture.output(print(x, ...))
