import { createHook } from 'node:async_hooks'
import { withoutMarks } from './fresh-modules.ts'

/**
 * Notices whatever a run begins that only the event loop could end: a file's promise, a socket, a timer, work of another
 * thread. None of it is answered while a run is under way, so a system that relies on it would seem to hang.
 * @param ignored asked each time: whether what begins now belongs to no task of the run
 */
export function watchEscapes(ignored: () => boolean): { readonly stop: () => readonly string[] } {
  const seen = new Map<string, string>()
  const hook = createHook({
    init: (_id, type) => {
      if (!REAL.test(type) || type === 'PROMISE' || seen.has(type) || ignored()) return
      seen.set(type, `${type} (begun ${callerIn(new Error('begun').stack ?? '')})`)
    },
    trackPromises: false,
  }).enable()
  return {
    stop: () => {
      hook.disable()
      return [...seen.values()]
    },
  }
}

/** Node's own names for what the operating system or another thread does are in capitals. */
const REAL = /^(?:[A-Z0-9_]+|Timeout|Immediate)$/

/** The first line of a stack that is of a file, and not of this one. */
function callerIn(stack: string): string {
  const line = stack
    .split('\n')
    .slice(1)
    .find((one) => one.includes('file:') && !one.includes('kernel/escapes'))
  return line === undefined ? 'somewhere in Node' : withoutMarks(line.trim())
}
