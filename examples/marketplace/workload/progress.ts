/** Where progress is shown; `process.stderr` is one. */
export type Terminal = { readonly isTTY?: boolean; readonly columns?: number; readonly write: (text: string) => unknown }

export type Progress = {
  /** Prints a line that stays, above the updating one. */
  readonly note: (line: string) => void
  /** Shows the line a last time, and no more. */
  readonly stop: () => void
}

/**
 * Shows `line()` while something runs: on a terminal one line that is rewritten four times a second,
 * elsewhere a line every five seconds, so that a log stays readable.
 */
export function showProgress(options: { terminal: Terminal; line: () => string }): Progress {
  const { terminal, line } = options
  const live = terminal.isTTY === true
  let drawn = Number.NEGATIVE_INFINITY
  const draw = (): void => {
    drawn = performance.now()
    const text = line()
    if (!live) terminal.write(`${text}\n`)
    else terminal.write(`\r\u001B[2K${text.slice(0, Math.max(10, (terminal.columns ?? 80) - 1))}`)
  }
  const timer = setInterval(draw, live ? 250 : 5000)
  timer.unref()
  return {
    note: (text) => {
      terminal.write(live ? `\r\u001B[2K${text}\n` : `${text}\n`)
      if (live) draw()
    },
    stop: () => {
      clearInterval(timer)
      // In a log the last line may have been written a moment ago.
      if (live || performance.now() - drawn > 1000) draw()
      if (live) terminal.write('\n')
    },
  }
}
