test_that("prompts in a data frame are lines of their columns", {
  rows <- data.frame(topic = c("a", "b"), turn = c(1, 2.5))
  expect_identical(prompt_lines(rows), c("topic: a; turn: 1",
                                         "topic: b; turn: 2.5"))
  expect_identical(prompt_lines(c("x", "y")), c("x", "y"))
})
