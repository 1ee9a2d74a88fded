/** Tells of tests as lines of JSON, for the process that had them run: `node --test --test-reporter`. */
import type { Readable } from 'node:stream'

/** One test that ended, or what a file wrote on standard error. */
export type Told =
  | { readonly kind: 'passed' | 'skipped'; readonly file: string; readonly ms: number }
  | {
      readonly kind: 'failed'
      readonly file: string
      readonly ms: number
      readonly name: string
      readonly line: number
      readonly message: string
    }
  | { readonly kind: 'wrote'; readonly file: string; readonly text: string }

type Event = { readonly type: string; readonly data: Data }
type Data = {
  readonly name: string
  readonly file?: string
  readonly line?: number
  readonly skip?: boolean | string
  readonly todo?: boolean | string
  readonly message?: string
  readonly details?: {
    readonly duration_ms: number
    readonly type?: string
    readonly error?: Error & { readonly failureType?: string; readonly cause?: unknown }
  }
}

export default async function* tell(events: Readable): AsyncGenerator<string> {
  for await (const { type, data } of events as AsyncIterable<Event>) {
    const told = toldOf(type, data)
    if (told !== undefined) yield `${JSON.stringify(told)}\n`
  }
}

/** Characters of a message; a difference of two large values is of no use in a list. */
const MOST = 4_000

function toldOf(type: string, { name, file = '', line = 0, skip, todo, message = '', details }: Data): Told | undefined {
  const ms = details?.duration_ms ?? 0
  if (type === 'test:stderr') return { kind: 'wrote', file, text: message }
  if (details?.type === 'suite') return undefined
  const skipped = (skip !== undefined && skip !== false) || (todo !== undefined && todo !== false)
  if (type === 'test:pass') return { kind: skipped ? 'skipped' : 'passed', file, ms }
  if (type !== 'test:fail') return undefined
  const { failureType, cause } = details?.error ?? {}
  // Whoever failed in it is told of already.
  if (failureType === 'subtestsFailed') return undefined
  if (skipped) return { kind: 'skipped', file, ms }
  const why = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : (details?.error?.message ?? '')
  return { kind: 'failed', file, ms, name, line, message: why.slice(0, MOST) }
}
