/** A thread to be supervised: the first time it comes to grief in the way of its word, and after that it works. */
import { existsSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { keepAlive } from '../../runtime/runtime.ts'
import { joinSupervisor } from './supervisor.ts'

const griefs: Readonly<Record<string, () => void>> = {
  throws: () => {
    throw new Error('The moon is in the wrong place')
  },
  exits: () => process.exit(3),
  fills: () => {
    for (const all: unknown[] = []; ;) all.push(Array.from({ length: 10_000 }, (_, n) => ({ n })))
  },
  blocks: () => {
    for (;;);
  },
}

const [word = '', file = ''] = process.argv.slice(2)
const supervised = joinSupervisor()
if (supervised === undefined) throw new Error('Nobody supervises this thread')
if (await supervised.loaded()) {
  const alive = keepAlive()
  supervised.ready({ thread: threadId, pid: process.pid, copy: supervised.copy })
  if (!existsSync(file)) {
    writeFileSync(file, '')
    // What it said is told first.
    setImmediate(() => griefs[word]?.())
  }
  const reason = await supervised.stopped
  process.stdout.write(`stopping: ${reason}\n`)
  alive.stop()
}
supervised.leave()
