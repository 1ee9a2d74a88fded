/**
 * What is told of an error, in OpenTelemetry's words, and which errors are the same one.
 *
 * A fingerprint says by its first part how it was made. Version 1: a declared error is its code. Any other is its type with the frames
 * of the application's own code, by function and file and not by line, so that it is the same after an edit elsewhere; where there are
 * none, its type with the shape of its message, in which numbers, ids and whatever is quoted count alike. What an error was caused by
 * counts with it.
 */
import { hash } from 'node:crypto'
import { CallError, DeclaredError } from '../contract/contract.ts'
import { describeThrown, isInstance, partOf } from '../contract/internal.ts'
import { framesOf, isOwn, placeOf } from './frames.ts'
import type { Attributes } from './span.ts'

export type Fingerprint = {
  /** `v1:` and 16 hexadecimal digits. */
  readonly fingerprint: string
  /** By what, in words: `TypeError in priceOf (orders/price)`. */
  readonly groupedBy: string
}

/** Frames that count: who called those is another story. */
const MOST_FRAMES = 5
/** Causes of causes that count; one may be its own. */
const MOST_CAUSES = 4
const [LONGEST_MESSAGE, LONGEST_STACK, LONGEST_WORDS] = [1_000, 4_000, 500]

/** What was thrown inside a service in place of the error that its callers see. */
const inside = new WeakMap<Error, unknown>()

/** Has whatever is told of an error tell of this instead: callers see less than those who run the service. */
export function tellInstead(error: Error, thrown: unknown): void {
  if (error !== thrown) inside.set(error, thrown)
}

export function fingerprintOf(thrown: unknown): Fingerprint {
  const words: string[] = []
  let at: unknown = thrown
  do {
    words.push(wordsOf(at))
    // A declared error says all there is to say.
    at = isInstance(at, DeclaredError) ? undefined : partOf(at, 'cause')
  } while (words.length <= MOST_CAUSES && at !== undefined && at !== null)
  const groupedBy = words.join(', caused by ')
  return { fingerprint: `v1:${hash('sha256', groupedBy).slice(0, 16)}`, groupedBy: groupedBy.slice(0, LONGEST_WORDS) }
}

/** Attributes of a span or a log line that tells of an error. */
export function exceptionAttributes(error: unknown): Attributes {
  const thrown = (isInstance(error, Error) ? inside.get(error) : undefined) ?? error
  const { name, message, stack } = describeThrown(thrown)
  const { fingerprint, groupedBy } = fingerprintOf(thrown)
  return {
    'exception.type': name,
    'exception.message': message.slice(0, LONGEST_MESSAGE),
    // What a contract declares is an answer, and where it was made tells nothing.
    ...(stack === undefined || isAnswer(thrown) ? {} : { 'exception.stacktrace': mapped(stack).slice(0, LONGEST_STACK) }),
    'dure.exception.fingerprint': fingerprint,
    'dure.exception.grouped_by': groupedBy,
  }
}

const FAULTS: ReadonlySet<unknown> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS'])

function isAnswer(thrown: unknown): boolean {
  return isInstance(thrown, DeclaredError) || (isInstance(thrown, CallError) && !FAULTS.has(partOf(thrown, 'code')))
}

function wordsOf(thrown: unknown): string {
  const { name, message, stack } = describeThrown(thrown)
  const code = partOf(thrown, 'code')
  if (isInstance(thrown, DeclaredError)) return `the declared error ${String(code)}`
  const type = typeof code === 'string' && isInstance(thrown, Error) ? `${name} ${code}` : name
  const frames = stack === undefined || isInstance(thrown, CallError) ? [] : ownFrames(stack, message)
  if (frames.length > 0) return `${type} in ${frames.join(', ')}`
  return `${type} "${messageShape(message)}"`
}

/** Of recursion, one frame. */
function ownFrames(stack: string, message: string): readonly string[] {
  // A message of several lines may look like a stack.
  const from = message === '' ? -1 : stack.indexOf(message)
  const own = framesOf(from < 0 ? stack : stack.slice(from + message.length)).filter(isOwn)
  const texts = own.map((frame) => (frame.name === undefined ? placeOf(frame) : `${frame.name} (${placeOf(frame)})`))
  return texts.filter((text, i) => text !== texts[i - 1]).slice(0, MOST_FRAMES)
}

/** The lines of the application's own code with their places in the source. */
function mapped(stack: string): string {
  return stack
    .split('\n')
    .map((line) => {
      const [frame] = framesOf(line)
      if (frame === undefined || line.includes(`${frame.file}:${frame.line}:${frame.column}`)) return line
      const place = `${frame.file}:${frame.line}:${frame.column}`
      return frame.name === undefined ? `    at ${place}` : `    at ${frame.name} (${place})`
    })
    .join('\n')
}

/** The words of a message that are the same each time. */
export function messageShape(message: string): string {
  return (
    message
      .slice(0, LONGEST_MESSAGE)
      .split('\n')[0]!
      .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”|‘[^’]*’/g, '…')
      .replaceAll(/\b[\w.+-]+@[\w-]+\.[\w.-]+\b/g, '…')
      .replaceAll(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, '…')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '#')
      // An id, a hash, a number with its unit: a word with a digit in it.
      .replaceAll(/[\w-]*\d[\w.:-]*/g, '#')
      .replaceAll(/\s+/g, ' ')
      .trim()
      .slice(0, 200)
  )
}
