# How an audit looks: print, summary, plot.

#' @export
print.audit <- function(x, ...) {
  if (!all(outcome_columns %in% names(x)) || nrow(x) == 0L) {
    print(as.data.frame(x), ...)
    return(invisible(x))
  }
  open <- sum(is.na(x$status))
  say("<audit> %d prompts, %s draws%s", nrow(x), big(sum(x$draws)),
      if (any(x$overshoot > 0)) {
        sprintf(" and %s not used", big(sum(x$overshoot)))
      } else {
        ""
      })
  say("Unsafe draws: %s, in %d prompts", big(sum(x$unsafe)),
      sum(x$unsafe > 0))
  if (any(x$failed)) {
    say("Ended by failed draws: %d prompts (unsafe in time and status)",
        sum(x$failed))
  }
  if (open > 0L) {
    say("Unfinished: %d prompts are open; run_audit() goes on.", open)
  } else if (is_planned(x) && nrow(x) == plan_parts(x)$constants$n) {
    say("Next: calibrate_lpb(audit)")
  }
  invisible(x)
}

#' @rdname summaries
#' @export
summary.audit <- function(object, ...) {
  data.frame(
    n = nrow(object), finished = sum(!is.na(object$status)),
    draws = sum(object$draws), unsafe = sum(object$unsafe),
    prompts_unsafe = sum(object$unsafe > 0),
    overshoot = sum(object$overshoot), failed = sum(object$failed)
  )
}

#' @rdname plots
#' @export
plot.audit <- function(x, ...) {
  used <- which(x$limit > 0)
  colour <- ifelse(x$unsafe[used] > 0, ink[["mark"]], ink[["main"]])
  draw_points(list(
    x = x$limit[used], y = pmax(x$draws[used], 0.5), log = "xy",
    xlab = "most draws planned", ylab = "draws made",
    col = grDevices::adjustcolor(colour, 0.5)
  ), ...)
  graphics::legend("topleft", c("stayed safe", "unsafe draw"), pch = 16,
                   col = ink[c("main", "mark")], bty = "n")
  invisible(x)
}
