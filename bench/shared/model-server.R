# A real language model behind OpenAI's protocol, on the loopback address: the
# model and its server (serve.mjs, for node) are in the folder `models` of
# TIMETOUNSAFE_DATA, the engine is node-llama-cpp.

# What is not there, in words, or NULL.
lacks_model_server <- function(data, engine) {
  files <- file.path(data, "models", c("serve.mjs", "*.gguf"))
  if (!nzchar(data)) {
    "TIMETOUNSAFE_DATA is not set"
  } else if (length(Sys.glob(files)) < 2) {
    "TIMETOUNSAFE_DATA has no folder models with a server and a model"
  } else if (!nzchar(Sys.which("node"))) {
    "node is not installed"
  } else if (!dir.exists(file.path(engine, "node_modules", "node-llama-cpp"))) {
    "node-llama-cpp is not installed: tools/setup.sh live does so"
  }
}

# list(url, stop). Threads of llama.cpp wait by spinning: one core stays free.
start_model_server <- function(data, engine, sequences = 16,
                               threads = max(1, parallel::detectCores() - 1)) {
  script <- file.path(engine, "serve.mjs")
  # It finds the engine beside itself.
  file.copy(file.path(data, "models", "serve.mjs"), script, overwrite = TRUE)
  model <- Sys.glob(file.path(data, "models", "*.gguf"))[1]
  log <- tempfile("server")
  port <- free_port()
  pid <- start_process(c("node", script, model, port, sequences, threads), log)
  stop_server <- function() invisible(tools::pskill(pid))
  until <- Sys.time() + 120
  while (!any(grepl("listening", read_text(log), fixed = TRUE))) {
    if (Sys.time() > until) {
      try(stop_server(), silent = TRUE)
      stop("The server did not start: ", paste(read_text(log), collapse = "\n"))
    }
    Sys.sleep(0.1)
  }
  list(url = sprintf("http://127.0.0.1:%d/v1", port), stop = stop_server)
}

# In the background; returns its process id. What it says is added to `log`.
start_process <- function(words, log) {
  note <- tempfile("pid")
  command <- paste(shQuote(as.character(words)), collapse = " ")
  line <- sprintf("echo $$ >%s; exec %s >>%s 2>&1", shQuote(note), command,
                  shQuote(log))
  # A shell of its own: the number is then that of the process.
  system2("sh", c("-c", shQuote(line)), wait = FALSE)
  while (!isTRUE(nzchar(read_text(note)))) Sys.sleep(0.02)
  as.integer(read_text(note))
}

read_text <- function(file) if (file.exists(file)) readLines(file) else ""

# A port that nobody listens on just now, by the clock and the process.
free_port <- function() {
  ports <- 20000 + (Sys.getpid() * 7 + as.integer(Sys.time()) * 13 +
                      0:20) %% 20000
  for (port in ports) {
    socket <- tryCatch(serverSocket(port), error = function(e) NULL)
    if (!is.null(socket)) {
      close(socket)
      return(port)
    }
  }
  stop("No port is free.")
}
