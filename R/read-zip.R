# ZIP archives of many small members: their directory, and the members unpacked
# a few megabytes at a time, in one pass over the file. Of several members with
# one name the last counts.

# ---- The directory -----------------------------------------------------------

# One row for each member: `name`, `method` (how it is packed), `crc`, `packed`
# and `size` (bytes), `offset` (of its header in the file) and `next_offset`.
read_zip_directory <- function(file, call) {
  con <- file(file, "rb")
  on.exit(close(con))
  size <- file.size(file)
  end <- find_zip_end(con, size)
  if (is.null(end)) {
    stop_file(file, paste("it is not a whole ZIP archive (its directory, which",
                          "is written last, is missing)"), call)
  }
  members <- parse_zip_directory(read_at(con, end$offset, end$size), end$count)
  if (is.null(members)) {
    stop_file(file, "its directory is damaged", call)
  }
  if (any(members$flags %% 2 == 1)) {
    stop_file(file, "it is encrypted", call)
  }
  members <- members[!duplicated(members$name, fromLast = TRUE), ]
  members <- members[order(members$offset), ]
  members$next_offset <- c(members$offset[-1L], end$offset)
  members
}

read_at <- function(con, offset, size) {
  seek(con, offset, rw = "read")
  readBin(con, "raw", size)
}

# A number of `size` bytes at each place.
number_at <- function(bytes, at, size) {
  value <- 0
  for (k in rev(seq_len(size))) {
    value <- value * 256 + as.numeric(bytes[at + k - 1])
  }
  value
}

sign_at <- function(bytes, at, sign) {
  sign <- as.raw(c(0x50, 0x4b, sign))
  length(bytes) >= at + 3 && at > 0 && identical(bytes[at + 0:3], sign)
}

# Where the directory is, and how long. It is repeated in larger numbers where
# those of its end are too small for it.
find_zip_end <- function(con, size) {
  tail <- read_at(con, max(0, size - 65557), min(size, 65557))
  at <- as.integer(grepRaw(as.raw(c(0x50, 0x4b, 5, 6)), tail, all = TRUE))
  at <- at[at + 21 <= length(tail)]
  if (length(at) == 0L) {
    return(NULL)
  }
  at <- at[length(at)]
  end <- list(count = number_at(tail, at + 10, 2),
              size = number_at(tail, at + 12, 4),
              offset = number_at(tail, at + 16, 4))
  if (sign_at(tail, at - 20, c(6, 7))) {
    more <- read_at(con, number_at(tail, at - 12, 8), 56)
    if (sign_at(more, 1, c(6, 6))) {
      end <- list(count = number_at(more, 33, 8), size = number_at(more, 41, 8),
                  offset = number_at(more, 49, 8))
    }
  }
  if (end$offset + end$size <= size) end
}

parse_zip_directory <- function(bytes, count) {
  at <- numeric(count)
  next_at <- 1
  for (k in seq_len(count)) {
    if (!sign_at(bytes, next_at, c(1, 2)) || length(bytes) < next_at + 45) {
      return(NULL)
    }
    at[k] <- next_at
    lengths <- as.numeric(bytes[next_at + 28:33])
    next_at <- next_at + 46 + sum(lengths * c(1, 256))
  }
  if (next_at - 1 > length(bytes)) {
    return(NULL)
  }
  n_name <- number_at(bytes, at + 28, 2)
  members <- data.frame(
    name = vapply(seq_along(at), function(k) {
      name <- bytes[at[k] + 45 + seq_len(n_name[k])]
      rawToChar(name[name != 0L])
    }, ""),
    method = number_at(bytes, at + 10, 2), flags = number_at(bytes, at + 8, 2),
    crc = number_at(bytes, at + 16, 4), packed = number_at(bytes, at + 20, 4),
    size = number_at(bytes, at + 24, 4), offset = number_at(bytes, at + 42, 4)
  )
  large <- which(members$packed == 2^32 - 1 | members$size == 2^32 - 1 |
                   members$offset == 2^32 - 1)
  for (k in large) {
    from <- at[k] + 46 + n_name[k]
    extra <- bytes[from + seq_len(number_at(bytes, at[k] + 30, 2)) - 1]
    members[k, ] <- read_large_numbers(members[k, ], extra)
  }
  members
}

# What does not fit is in a field of its own, number 1, in this order.
read_large_numbers <- function(member, extra) {
  at <- 1
  while (at + 3 <= length(extra) && number_at(extra, at, 2) != 1) {
    at <- at + 4 + number_at(extra, at + 2, 2)
  }
  at <- at + 4
  for (name in c("size", "packed", "offset")) {
    if (member[[name]] == 2^32 - 1 && at + 7 <= length(extra)) {
      member[[name]] <- number_at(extra, at, 8)
      at <- at + 8
    }
  }
  member
}

# ---- Members -----------------------------------------------------------------

# Calls `parse(text, at)` for groups of `members` (rows of the directory, `at`
# their numbers), and returns its results as a list, in the order of members.
read_members <- function(file, members, parse, wanted, call) {
  if (nrow(members) == 0L) {
    return(list())
  }
  con <- file(file, "rb")
  on.exit(close(con))
  refuse_methods(file, members, call)
  blocks <- member_blocks(members)
  lapply(seq_along(blocks), function(k) {
    forget_texts(k)
    at <- blocks[[k]]
    block <- members[at, ]
    bytes <- tryCatch(unpack_block(con, block), error = function(e) {
      stop_file(file, conditionMessage(e), call)
    })
    ends <- cumsum(block$size)
    whole <- length(bytes) == ends[length(ends)]
    sums <- if (whole) core_value(.Call(ffi_checksums, bytes, ends))
    wrong <- if (whole) which(sums != block$crc) else 1L
    if (length(wrong) > 0L) {
      stop_file(file, sprintf("its member %s is damaged",
                              show_text(block$name[wrong[1L]])), call)
    }
    parse(clean_json(json_pieces(bytes, ends, wanted, file, call)), at)
  })
}

zip_methods <- c(stored = 0, deflate = 8, zstd = 93)

refuse_methods <- function(file, members, call) {
  unknown <- members$method[!members$method %in% zip_methods]
  if (length(unknown) > 0L) {
    stop_file(file, sprintf("it is packed by a method that is not known (%d)",
                            unknown[1L]), call)
  }
  if (any(members$method == zip_methods[["zstd"]])) {
    need_package("archive", paste(
      "to read .eval files that are packed with zstd (it is built with the",
      "system library libarchive, libarchive-dev on Debian)"
    ), call = call)
  }
}

# Neighbours, packed in the same way, that are read at once.
member_blocks <- function(members) {
  method <- members$method
  place <- members$offset + members$packed
  gap <- members$offset[-1L] - members$next_offset[-nrow(members)]
  part <- cumsum(c(0, diff(method) != 0 | gap != 0))
  block <- paste(part, floor(cumsum(members$size) / block_size),
                 floor((place - place[1L]) / block_size))
  unname(split(seq_along(method), match(block, unique(block))))
}

# A member's header is repeated before it, of another length.
unpack_block <- function(con, block) {
  begin <- block$offset[1L]
  bytes <- read_at(con, begin, block$next_offset[nrow(block)] - begin)
  head <- block$offset - begin + 1
  from <- head + 30 + number_at(bytes, head + 26, 2) +
    number_at(bytes, head + 28, 2)
  signed <- vapply(head, sign_at, NA, bytes = bytes, sign = c(3, 4))
  if (!all(signed) || any(from + block$packed - 1 > length(bytes))) {
    rlang::abort("its members are not where its directory says")
  }
  packed <- core_value(.Call(ffi_join_pieces, bytes, from - 1, block$packed))
  switch(names(zip_methods)[zip_methods == block$method[1L]],
    stored = packed,
    deflate = inflate(packed, block),
    zstd = unpack_zstd(packed, block)
  )
}

# What is packed piece by piece may be unpacked as one.
unpack_zstd <- function(packed, block) {
  if (sum(block$size) == 0) {
    return(raw())
  }
  con <- archive::file_read(rawConnection(packed), "rb", filter = "zstd")
  on.exit(close(con))
  readBin(con, "raw", sum(block$size))
}

# As a file of gzip, which is the same with a head and a checksum.
inflate <- function(packed, block) {
  head <- as.raw(c(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff))
  n <- nrow(block)
  all <- c(head, packed, little_endian(block$crc), little_endian(block$size))
  before <- cumsum(c(0, block$packed[-n])) + length(head)
  sums <- length(head) + length(packed) + 4 * (seq_len(n) - 1)
  parts <- list(from = rbind(0, before, sums, sums + 4 * n),
                size = rbind(rep(length(head), n), block$packed, 4, 4))
  file <- tempfile()
  on.exit(unlink(file))
  writeBin(core_value(.Call(ffi_join_pieces, all, as.double(parts$from),
                            as.double(parts$size))), file)
  con <- gzfile(file, "rb")
  on.exit(close(con), add = TRUE, after = FALSE)
  readBin(con, "raw", sum(block$size))
}

# Four bytes for each number.
little_endian <- function(x) {
  as.raw(floor(rep(x, each = 4) / 256^(0:3)) %% 256)
}
