import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'

/** What a process of the marketplace says to the person who started it. */
export const say = (text: string): void => void process.stdout.write(`${text}\n`)
export const warn = (text: string): void => void process.stderr.write(`${text}\n`)

export const log: ReturnType<typeof createLogger> = createLogger({
  clock: realRuntime().clock,
  level: 'warn',
  write: (line) => void process.stderr.write(line),
  fields: { system: 'marketplace' },
})

/** What went wrong, in words: the stack is for errors nobody foresaw, and for whoever asks by DEBUG. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return process.env['DEBUG'] === undefined ? error.message : (error.stack ?? error.message)
}
