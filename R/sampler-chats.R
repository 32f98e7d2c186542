# Chats of the ellmer package, as the functions that make them: whether they can
# be used, and what to say where they cannot.

check_factory <- function(chat, arg, call = rlang::caller_env()) {
  if (!missing(chat) && inherits(chat, "Chat")) {
    stop_argument(
      arg, "must be a function that creates a chat", "a Chat",
      fix = c(
        paste("A Chat keeps its history, and its keys do not travel to other",
              "processes."),
        sprintf("Write %s = function() ellmer::chat_openai(...), or the like.",
                arg)
      ), call = call
    )
  }
  if (!missing(chat) && rlang::is_string(chat)) {
    # Not from a name: a function also says where keys and settings come from.
    stop_argument(
      arg, "must be a function that creates an ellmer Chat", describe(chat),
      fix = sprintf("Write %s = function() ellmer::chat(\"%s\").", arg,
                    if (grepl("/", chat)) chat else paste0("openai/", chat)),
      call = call
    )
  }
  check_function(chat, arg, "that creates an ellmer Chat", call = call)
  needed <- required_arguments(chat)
  if (length(needed) > 0L) {
    stop_argument(arg, "must be a function without required arguments",
                  paste("one of", list_names(needed)), call = call)
  }
}

make_chat <- function(chat, arg, call = rlang::caller_env()) {
  value <- tryCatch(chat(), error = function(e) {
    keyless <- grepl("key|credential", conditionMessage(e), ignore.case = TRUE)
    stop_argument(arg, "failed when it was called",
                  fix = if (keyless) keyless_hint(), parent = e, call = call)
  })
  if (!inherits(value, "Chat")) {
    stop_argument(arg, "must return an ellmer Chat", describe(value),
                  call = call)
  }
  value
}

# Of each batch; ellmer would tell the model that it has chosen every time.
make_chat_again <- function(chat, arg) suppressMessages(make_chat(chat, arg))

# Most chats look for their key at the first request: too late for an error.
check_key <- function(chat, arg, call = rlang::caller_env()) {
  provider <- chat$get_provider()
  if (!"credentials" %in% S7::prop_names(provider)) {
    return(invisible())
  }
  credentials <- S7::prop(provider, "credentials")
  if (is.function(credentials) && length(formals(credentials)) == 0L) {
    tryCatch(credentials(), error = function(e) {
      stop_argument(arg, "created a Chat without credentials",
                    fix = keyless_hint(), parent = e, call = call)
    })
  }
}

keyless_hint <- function() {
  paste(
    "For a server without keys, such as one on this machine:",
    compatible_chat("http://127.0.0.1:8000/v1")
  )
}

compatible_chat <- function(url) {
  sprintf(paste0("ellmer::chat_openai_compatible(\"%s\", model = ..., ",
                 "credentials = function() \"none\")."), url)
}

# chat_openai() speaks OpenAI's newer protocol, which few other servers know: at
# their addresses it finds nothing.
address_hint <- function(chat) {
  provider <- chat$get_provider()
  if (!identical(class(provider)[1L], "ellmer::ProviderOpenAI") ||
        grepl("api.openai.com", S7::prop(provider, "base_url"), fixed = TRUE)) {
    return(NULL)
  }
  paste("chat_openai() asks for /responses; where a server has only",
        "/chat/completions, use",
        compatible_chat(S7::prop(provider, "base_url")))
}

# Added to what each draw says.
add_hint <- function(answers, chat) {
  for (i in seq_along(answers$value)) {
    error <- answers$value[[i]]
    if (isTRUE(http_status(error) %in% c(404L, 405L, 501L))) {
      error$body <- c(error$body, i = address_hint(chat))
      answers$value[[i]] <- error
    }
  }
  answers
}

# Fields of the body (`api_args`) win over parameters, as in the request.
refuse_repeats <- function(chat, call = rlang::caller_env()) {
  model <- chat$get_model_object()
  given <- S7::prop(model, "params")
  given <- utils::modifyList(given, as.list(given$extra_args))
  given <- utils::modifyList(given, S7::prop(model, "extra_args"))
  refuse_fixed(given, "chat", call)
}
