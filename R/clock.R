# Time that only goes forwards: for waits, limits and latencies. The clock on
# the wall may be set back, and R's own Sys.sleep() and proc.time() follow it.

# Seconds since some moment in the past.
now <- function() .Call(ffi_clock)

# Sleeps, and can be interrupted.
pause_for <- function(seconds) {
  invisible(.Call(ffi_pause, as.double(max(0, seconds))))
}
