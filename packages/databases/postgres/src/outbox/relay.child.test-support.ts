import { pollingRelay } from './outbox.ts'

/**
 * A relay in a process of its own, to be killed and frozen. It hands each batch to its parent and has delivered it when
 * the parent says so.
 */
const { RELAY_URL: url, RELAY_NAME: name } = process.env as Record<string, string>
const asked = new Map<number, () => void>()
let batches = 0

const say = (what: unknown): void => void process.send!(what)
const relay = pollingRelay({
  connection: url!,
  name: name!,
  limits: { lease: 1_000, batch: 50, poll: 50 },
  deliver: (messages) =>
    new Promise((resolve) => {
      asked.set(++batches, resolve)
      say({ batch: batches, messages })
    }),
  log: {
    debug: () => {},
    info: () => {},
    warn: (text) => say({ warning: text }),
    error: (text) => say({ warning: text }),
    with() {
      return this
    },
  },
})
process.on('message', (batch: number) => {
  asked.get(batch)!()
  asked.delete(batch)
})
process.on('disconnect', () => process.exit())
let lanes = -1
setInterval(() => {
  if (relay.state().lanes !== lanes) say({ lanes: (lanes = relay.state().lanes) })
}, 10)
