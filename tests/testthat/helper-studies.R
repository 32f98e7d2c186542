# Shared by tests of studies.

# A hazard that is read off the features, and wrong.
features_hazard <- function(x, y) {
  as_hazard(function(newdata) pmin(0.9, 0.0015 * rowMeans(newdata)^-4.5))
}

small_study <- function(methods, ..., n = 2000, repetitions = 2, seed = 1,
                        hazards = list(rough = features_hazard)) {
  simulate_study(methods, ..., n = n, repetitions = repetitions, seed = seed,
                  hazards = hazards)
}
