import { once } from 'node:events'
import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { buryThread } from '../../discovery/internal.ts'
import { describeThrown } from '../../contract/internal.ts'
import { SOCKETS, SUPERVISED, type FromProcess, type OnStarted, type Started } from './channel.ts'
import { lines } from './lines.ts'
import type { ProcessOptions } from './options.ts'

/** Megabytes of a thread's young generation: as much as a process has (`node-options.ts`), of which a third is in use. */
const YOUNG = 24

/**
 * Runs a program in a thread of this process: with an event loop, a heap and modules of its own. What it does not catch, a
 * heap that is full and `process.exit` end the thread alone.
 * @param directory where its registrations are, which go with it
 */
export function startThread(what: ProcessOptions, directory: string, on: OnStarted): Started {
  const { name, program, node, env, thread } = what
  const [file = '', ...words] = program
  const memory = typeof thread === 'object' ? thread.memory : undefined
  let worker: Worker
  try {
    worker = new Worker(resolve(file), {
      argv: words,
      ...(node && { execArgv: [...node] }),
      env: { ...given({ ...process.env, ...env }), [SUPERVISED]: String(process.pid), [SOCKETS]: '[]' },
      workerData: { [SUPERVISED]: true },
      // What systems show of it, in a list of threads.
      name,
      stdout: true,
      stderr: true,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG, ...(memory !== undefined && { maxOldGenerationSizeMb: memory }) },
    })
  } catch (error) {
    queueMicrotask(() => on.over(`could not be started: ${describeThrown(error).message}`))
    return { pid: undefined, thread: undefined, tell: () => {}, kill: () => {} }
  }
  const { threadId } = worker
  let thrown: string | undefined
  let killed = false
  lines(worker.stdout, (text) => on.line('out', text))
  lines(worker.stderr, (text) => on.line('error', text))
  worker.on('message', (message: FromProcess) => on.message(message))
  worker.once('error', (error) => {
    const { message, stack } = describeThrown(error)
    thrown = message
    on.line('error', stack ?? message)
  })
  // The last words are there when its streams have ended.
  const said = [worker.stdout, worker.stderr].map((stream) => once(stream, 'close'))
  worker.once('exit', (code) => {
    buryThread(directory, threadId)
    const how = thrown !== undefined ? `ended by an error: ${thrown}` : killed ? 'was terminated' : `ended with code ${code}`
    void Promise.allSettled(said).then(() => on.over(how))
  })
  return {
    pid: undefined,
    thread: threadId,
    tell: (message) => worker.postMessage(message, []),
    kill: () => {
      killed = true
      void worker.terminate()
    },
  }
}

const given = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
