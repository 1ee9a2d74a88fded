import { silentLogger } from 'dure/telemetry'
import { walRelay, type Mode } from '../outbox.ts'

/**
 * A relay in a process of its own, to be killed and frozen. It hands each batch to its parent and has delivered it when
 * the parent says so.
 */
const { RELAY_URL: url, RELAY_NAME: name, RELAY_WAY: way } = process.env as Record<string, string>
const asked = new Map<number, () => void>()
let batches = 0

const relay = walRelay({
  connection: url!,
  name: name!,
  mode: way as Mode,
  limits: { lease: 1_000, heartbeat: 200, backoff: [20, 200], batch: 50 },
  log: silentLogger(),
  deliver: (messages) =>
    new Promise((resolve) => {
      asked.set(++batches, resolve)
      process.send!({ batch: batches, messages })
    }),
})
process.on('message', (batch: number) => {
  asked.get(batch)!()
  asked.delete(batch)
})
process.on('disconnect', () => process.exit())
let by = ''
setInterval(() => {
  if (relay.state().by !== by) process.send!({ by: (by = relay.state().by) })
}, 10)
