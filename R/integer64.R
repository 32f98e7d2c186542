# Whole numbers of 64 bits, as databases return them (class integer64): R sees
# doubles of other values in their bits, so they are converted at the border.

is_integer64 <- function(x) inherits(x, "integer64")

# As doubles, exactly, or an error: beyond 2^53 a double skips numbers.
plain_numbers <- function(x, arg, call = rlang::caller_env()) {
  if (!is_integer64(x)) {
    return(x)
  }
  half <- halves(x)
  value <- half$high * 2^32 + half$low
  far <- which(half$high > 2^21 | half$high < -2^21 |
                 (half$high == 2^21 & half$low > 0))
  if (length(far) > 0L) {
    stop_argument(
      arg, "has integer64 values that a number of R cannot represent exactly",
      fix = sprintf("The first is %s; as.character() keeps every digit.",
                    integer64_text(x[far[1L]])), call = call
    )
  }
  dim(value) <- dim(x)
  dimnames(value) <- dimnames(x)
  names(value) <- names(x)
  value
}

# The same for the columns of a data frame.
plain_columns <- function(data, arg, call = rlang::caller_env()) {
  for (name in names(data)[vapply(data, is_integer64, NA)]) {
    data[[name]] <- plain_numbers(data[[name]], paste0(arg, "$", name), call)
  }
  data
}

# All digits. Divided by a million first: no step leaves what a double knows.
integer64_text <- function(x) {
  half <- halves(x)
  negative <- half$high < 0
  turn <- which(negative & half$low > 0)
  high <- abs(half$high)
  high[turn] <- high[turn] - 1
  low <- half$low
  low[turn] <- 2^32 - low[turn]
  rest <- (high %% 1e6) * 2^32 + low
  millions <- (high %/% 1e6) * 2^32 + rest %/% 1e6
  text <- ifelse(millions > 0, sprintf("%.0f%06.0f", millions, rest %% 1e6),
                 sprintf("%.0f", rest %% 1e6))
  text <- paste0(ifelse(negative, "-", ""), text)
  replace(text, is.na(half$high), NA)
}

# The upper half with its sign, the lower one without. NA is the least of all.
halves <- function(x) {
  bits <- writeBin(as.vector(unclass(x)), raw(), endian = "little")
  words <- readBin(bits, "integer", 2L * length(x), endian = "little")
  # The word that R takes for a missing integer is -2^31.
  words <- matrix(replace(as.double(words), is.na(words), -2^31), 2L)
  none <- words[1L, ] == 0 & words[2L, ] == -2^31
  list(high = replace(words[2L, ], none, NA), low = words[1L, ] %% 2^32)
}
