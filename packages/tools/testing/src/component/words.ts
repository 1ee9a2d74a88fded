import type { Clock } from 'dure/runtime'
import { createLogger, type Logger } from 'dure/telemetry'

/** Words of the log that are kept for whoever asks why something does not come to an end. */
const WORDS = 3

export function logOf(
  clock: Clock,
  tell: ((line: string) => void) | undefined,
): { readonly log: Logger; readonly said: () => readonly string[]; readonly hear: (line: string) => void } {
  const words: string[] = []
  const write = (line: string): void => {
    tell?.(line)
    const { level, message, error } = JSON.parse(line) as {
      level: string
      message: string
      error?: { message?: string } | string
    }
    if (level !== 'warn' && level !== 'error') return
    const why = typeof error === 'string' ? error : error?.message
    words.push(why === undefined ? message : `${message}: ${why.split('\n', 1)[0]}`)
    if (words.length > WORDS) words.shift()
  }
  return {
    log: createLogger({ clock, write }),
    said: () => words,
    hear: (line) => (line.startsWith('{') ? write(line) : tell?.(line)),
  }
}
