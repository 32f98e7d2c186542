# Who calls the sampler: this process, one batch at a time, or mirai's daemons,
# several batches at once. Either way a dispatcher is a list of functions:
# room() is how many more batches may be submitted now, busy() how many are
# under way; submit(batch, prompts) sends one; collect() waits for one and
# returns list(batch, value), where value may be an error; cancel() gives up
# what is under way.

new_dispatcher <- function(sampler, parallel) {
  if (parallel) daemon_dispatcher(sampler) else local_dispatcher(sampler)
}

local_dispatcher <- function(sampler) {
  task <- NULL
  list(
    room = function() as.numeric(is.null(task)),
    busy = function() as.numeric(!is.null(task)),
    submit = function(batch, prompts) {
      task <<- list(batch = batch, prompts = prompts)
    },
    collect = function() {
      now <- task
      task <<- NULL
      value <- tryCatch(
        call_sampler(sampler, now$prompts, now$batch$draw),
        error = function(e) e
      )
      list(batch = now$batch, value = value)
    },
    cancel = function() task <<- NULL
  )
}

# Whether batches go to the daemons that the user has set.
use_daemons <- function(parallel, call = rlang::caller_env()) {
  if (is.null(parallel)) {
    return(rlang::is_installed("mirai") && mirai::daemons_set())
  }
  parallel <- check_flag(parallel, "parallel", call = call)
  if (parallel) {
    need_package("mirai", "to draw in parallel", "2.7.0", call)
    if (!mirai::daemons_set()) {
      stop_argument(
        "parallel", "needs daemons", "none",
        fix = "Set them first, for example mirai::daemons(8).", call = call
      )
    }
  }
  parallel
}

# Evaluated on a daemon, which need not have this package.
sampler_call <- quote(do.call(sampler, arguments))

# Twice as many batches as daemons, so that none waits for this process. Daemons
# may be launched again, by the user or a scheduler: `patience` is how many
# seconds to wait for them.
daemon_dispatcher <- function(sampler, patience = 60) {
  tasks <- list()
  list(
    room = function() {
      max(2, 2 * mirai::status()$connections) - length(tasks)
    },
    busy = function() length(tasks),
    submit = function(batch, prompts) {
      task <- mirai::mirai(sampler_call, .args = list(
        sampler = sampler$call,
        arguments = sampler_arguments(sampler, prompts, batch$draw)
      ))
      tasks[[length(tasks) + 1L]] <<- list(batch = batch, mirai = task)
    },
    collect = function() {
      wait_for_daemons(patience)
      at <- mirai::race_mirai(lapply(tasks, `[[`, "mirai"))
      done <- tasks[[at]]
      tasks[[at]] <<- NULL
      list(batch = done$batch, value = daemon_value(done$mirai$data))
    },
    cancel = function() {
      lapply(tasks, function(task) mirai::stop_mirai(task$mirai))
      tasks <<- list()
    }
  )
}

wait_for_daemons <- function(patience) {
  until <- now() + patience
  while (mirai::status()$connections == 0) {
    if (now() > until) {
      rlang::abort("No daemon is connected any more.",
                   class = "timetounsafe_no_daemons")
    }
    Sys.sleep(0.2)
  }
}

daemon_value <- function(value) {
  if (!mirai::is_error_value(value)) {
    return(value)
  }
  if (mirai::is_mirai_error(value)) {
    return(simpleError(attr(value, "message") %||% as.character(value)))
  }
  structure(
    class = c("daemon_lost", "error", "condition"),
    list(message = paste("a daemon was lost:", format(value)), call = NULL)
  )
}

now <- function() as.numeric(Sys.time())
