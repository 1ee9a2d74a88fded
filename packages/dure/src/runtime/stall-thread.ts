/**
 * A thread that watches the event loop of another. While that one is at work for too long, it is asked, in the middle of it, where it is:
 * the engine stops it for a moment, says what is on its stack, and lets it go on.
 */
import { Session, type Debugger } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'

export type Stall = {
  /** Milliseconds since the epoch when it began. */
  readonly at: number
  /** For how long nothing else ran. */
  readonly ms: number
  /** Where it was when it was noticed, innermost first; empty where that could not be seen: in a thread, in code of the engine. */
  readonly stack: readonly StackFrame[]
}
export type StackFrame = { readonly name: string; readonly file: string; readonly line: number; readonly column: number }

/** How one is told to the thread that watches. */
export type WatchOrder = {
  /** Counted up by every turn of the loop that is watched. */
  readonly beats: SharedArrayBuffer
  readonly threshold: number
  /** Whether the loop is that of the main thread, whose code can be seen from another. */
  readonly main: boolean
}

const { beats, threshold, main } = workerData as WatchOrder
const beat = new Int32Array(beats)
const MOST_FRAMES = 30

type Seen = { readonly beat: number; readonly at: number; readonly began: number; stack: readonly StackFrame[] }

let last = Atomics.load(beat, 0)
let lastAt = performance.now()
let seen: Seen | undefined
/** By the number that the engine gives each. */
const files = new Map<string, string>()
const session = main ? connected() : undefined

setInterval(look, threshold / 4)
// Whoever ends the watch has a look taken first: a stall that has just ended is still to be told.
parentPort!.once('message', () => {
  look()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort!.postMessage('over')
})

function look(): void {
  const now = performance.now()
  const current = Atomics.load(beat, 0)
  if (current !== last) {
    if (seen !== undefined) tell(seen, now)
    seen = undefined
    last = current
    lastAt = now
  } else if (seen === undefined && now - lastAt > threshold) {
    seen = { beat: current, at: Date.now() - (now - lastAt), began: lastAt, stack: [] }
    // Enabled only now: code that can be stopped is slower code.
    session?.post('Debugger.enable')
    session?.post('Debugger.pause')
  }
}

function tell({ at, began, stack }: Seen, now: number): void {
  const stall: Stall = { at, ms: now - began, stack }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort!.postMessage(stall)
}

function connected(): Session {
  const made = new Session()
  made.connectToMainThread()
  made.on('Debugger.scriptParsed', ({ params }) => void files.set(params.scriptId, params.url))
  made.on('Debugger.paused', ({ params }) => {
    // It went on before it was stopped: what it does now is another thing.
    if (seen !== undefined && Atomics.load(beat, 0) === seen.beat)
      seen.stack = params.callFrames.slice(0, MOST_FRAMES).map(frameOf)
    made.post('Debugger.resume')
    made.post('Debugger.disable')
  })
  return made
}

function frameOf({ functionName, location }: Debugger.CallFrame): StackFrame {
  const file = files.get(location.scriptId) ?? ''
  return { name: functionName, file, line: location.lineNumber + 1, column: (location.columnNumber ?? 0) + 1 }
}
