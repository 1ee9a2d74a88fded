import { createInterface } from 'node:readline'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { postgres } from '../postgres.ts'

/**
 * A process with a store that others have open as well. It is told `load` (pairs of rows, until `rest`), `hold <id>` (a transaction
 * that has written, until `go`) and `stop`; it prints its member, and then what became of each.
 */
const [, , url = ''] = process.argv
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const adapter = postgres({ url, writers: 2, outcomeTimeout: 60_000 })({
  directory: '',
  runtime: realRuntime(),
  log: silentLogger(),
})
const store = await adapter.open('orders', {
  migrations: { '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)' },
})
const insert = 'INSERT INTO orders (id, total) VALUES (?, 1)'

let loading = false
const worker = async (name: number): Promise<void> => {
  for (let n = 0; loading; n++) {
    const id = `${store.member} ${name} ${n}`
    try {
      await store.transaction(async (tx) => {
        await tx.run(insert, [`${id} first`])
        await tx.run(insert, [`${id} second`])
      })
      say(`kept ${id}`)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

let go: () => void = () => {}
const hold = async (id: string): Promise<void> => {
  const gone = new Promise<void>((resolve) => (go = resolve))
  const work = store.transaction(
    async (tx) => {
      await tx.run(insert, [id])
      say('inside')
      await gone
    },
    { timeout: 60_000 },
  )
  await work.then(
    () => say('committed'),
    (error: unknown) => say(`refused ${(error as { code?: string }).code}`),
  )
}

say(`member ${store.member}`)
for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...rest] = line.split(' ')
  if (word === 'load') {
    loading = true
    for (let n = 0; n < 2; n++) void worker(n)
  } else if (word === 'rest') loading = false
  else if (word === 'hold') void hold(rest.join(' '))
  else if (word === 'go') go()
  else if (word === 'stop') break
}
loading = false
await store.stop()
say('stopped')
