/** Has Node's runner run files of tests, and tells of them as lines of JSON to the process that started this one. */
import { run } from 'node:test'

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

const [cwd = '.', ...files] = process.argv.slice(2)
for await (const { type, data } of run({ cwd, files, concurrency: true, execArgv: process.execArgv })) {
  const told = toldOf(type, data as Data)
  if (told !== undefined) process.stdout.write(`${JSON.stringify(told)}\n`)
}
